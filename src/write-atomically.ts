/**
 * Files that are there whole or not at all.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { LipError } from './errors.ts'

export interface WriteOptions {
  /** How the sentence of a failure begins. Default: the path in quotes. */
  readonly what?: string
  readonly hint?: string
  /** Makes the folder where it is missing. */
  readonly makeFolder?: boolean
}

/**
 * Writes to a temporary file beside `path`, then renames: readers see the old file or the new one, never half of one.
 * @throws LipError FILE_NOT_WRITABLE; nothing is left behind
 */
export async function writeAtomically(
  path: string,
  content: Uint8Array | string,
  { what = `'${path}'`, hint, makeFolder = false }: WriteOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    if (makeFolder) await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, content)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    const code = (cause as NodeJS.ErrnoException).code
    throw new LipError('FILE_NOT_WRITABLE', `${what} cannot be written (${code ?? cause}).`, {
      cause,
      ...(hint !== undefined && { hint }),
    })
  }
}
