import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { isAbsolute, join, relative, sep } from 'node:path'
import { LipError } from '../errors.ts'
import type { WireEntry } from './schema.ts'

/** Where external data may lie, and which files were read there. */
export interface ExternalFolder {
  readonly path: string
  /** Locations as the model writes them. */
  readonly files: Set<string>
}

/**
 * Bytes of a tensor kept outside the model. Only regular files inside the model's own folder are read, symbolic links
 * followed and checked (the trap of CVE-2022-25882 and CVE-2024-27318), and nothing is allocated before the file is known to
 * hold that much.
 *
 * @param need bytes that the tensor's type and dims ask for
 */
export function readExternalData(
  tensor: string,
  entries: readonly WireEntry[],
  need: number,
  folder: ExternalFolder | undefined,
): Uint8Array {
  const invalid = (what: string, hint?: string) =>
    new LipError(
      'MODEL_INVALID',
      `The external data of tensor '${tensor}' ${what}.`,
      hint === undefined ? {} : { hint },
    )
  const values = new Map<string, string>()
  for (const { key = '', value = '' } of entries) {
    if (values.has(key)) throw invalid(`gives '${key}' twice`)
    values.set(key, value)
  }
  const location = values.get('location') ?? ''
  if (location === '') throw invalid('names no file')
  if (location.includes('\0')) throw invalid('names a file with a zero byte')
  if (isAbsolute(location) || /^[A-Za-z]:|^\\/.test(location) || location.split(/[\\/]/).includes('..'))
    throw invalid(`lies outside the model's folder: '${location}'`, 'Keep the data file beside the model.')
  if (folder === undefined)
    throw invalid(
      `is in '${location}', but the model was given as bytes without a folder`,
      'Read the model from a file.',
    )

  const offset = size(values.get('offset'), 0, () => invalid(`has a bad offset '${values.get('offset')}'`))
  const length = size(values.get('length'), need, () => invalid(`has a bad length '${values.get('length')}'`))
  if (length !== need) throw invalid(`has ${length} bytes where its type and dims need ${need}`)

  const path = join(folder.path, location)
  let real: string
  try {
    real = realpathSync(path)
  } catch (cause) {
    throw new LipError('MODEL_INVALID', `The external data of tensor '${tensor}' is missing: '${location}'.`, {
      hint: 'Keep the data file beside the model.',
      cause,
    })
  }
  const inside = relative(realpathSync(folder.path), real)
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    throw invalid(`lies outside the model's folder: '${location}' is a link`, 'Keep the data file beside the model.')

  folder.files.add(location)
  const file = openSync(real, 'r')
  try {
    const stat = fstatSync(file)
    if (!stat.isFile()) throw invalid(`is not a regular file: '${location}'`)
    if (offset + need > stat.size)
      throw invalid(`needs bytes ${offset} to ${offset + need} of '${location}', which has ${stat.size}`)
    const bytes = new Uint8Array(need)
    let at = 0
    while (at < need) {
      const got = readSync(file, bytes, at, Math.min(need - at, 1 << 30), offset + at)
      if (got === 0) throw invalid(`ends early in '${location}'`)
      at += got
    }
    return bytes
  } finally {
    closeSync(file)
  }
}

function size(text: string | undefined, fallback: number, invalid: () => LipError): number {
  if (text === undefined) return fallback
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) throw invalid()
  return value
}
