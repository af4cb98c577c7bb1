import { readFile } from 'node:fs/promises'
import { LipError } from '../errors.ts'

/**
 * The bytes of a file that the user named.
 * @throws LipError FILE_NOT_FOUND when it is absent, a folder, or may not be read.
 */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const what =
      code === 'ENOENT'
        ? 'does not exist'
        : code === 'EISDIR'
          ? 'is a folder'
          : code === 'EACCES'
            ? 'may not be read'
            : `cannot be read (${code ?? (cause as Error).message})`
    throw new LipError('FILE_NOT_FOUND', `'${path}' ${what}.`, { cause })
  }
}
