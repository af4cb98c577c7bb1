/**
 * NumPy's .npz files: a zip of .npy files, one a key.
 * @module
 */
import { unzipSync } from 'fflate'
import { LipError } from '../errors.ts'
import { type NpyValue, parseNpy } from './npy.ts'
import { readBytes } from './read-bytes.ts'

export interface NpzFile {
  readonly path: string
  /** As `np.savez` was given them. */
  readonly keys: readonly string[]
  /** @throws LipError DATA_INVALID when there is no such key or its bytes are no array of numbers */
  read(key: string): NpyValue
}

/** No array is larger once decompressed: its elements would not fit one buffer. */
const LARGEST_BYTES = 2 ** 31

/**
 * Lists the arrays of a .npz file; each is decompressed when it is read.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID when the file is no zip or is cut short
 */
export async function readNpz(path: string): Promise<NpzFile> {
  const bytes = await readBytes(path)
  const sizes = new Map<string, number>()
  unzip(bytes, path, (file) => {
    if (file.name.endsWith('.npy')) sizes.set(file.name.slice(0, -'.npy'.length), file.originalSize)
    return false
  })
  return {
    path,
    keys: [...sizes.keys()],
    read(key) {
      const size = sizes.get(key)
      if (size === undefined) throw new LipError('DATA_INVALID', `'${path}' holds no array '${key}'.`)
      if (size > LARGEST_BYTES) throw new LipError('DATA_INVALID', `The array '${key}' in '${path}' is too large.`)
      const entry = unzip(bytes, path, (file) => file.name === `${key}.npy`)[`${key}.npy`]!
      return parseNpy(entry, `${path}:${key}`)
    },
  }
}

function unzip(
  bytes: Uint8Array,
  path: string,
  filter: (file: { readonly name: string; readonly originalSize: number }) => boolean,
): Readonly<Record<string, Uint8Array>> {
  try {
    return unzipSync(bytes, { filter })
  } catch (cause) {
    throw new LipError('DATA_INVALID', `'${path}' is not a .npz file that can be read (${(cause as Error).message}).`, {
      hint: 'Write one with numpy.savez or numpy.savez_compressed.',
      cause,
    })
  }
}
