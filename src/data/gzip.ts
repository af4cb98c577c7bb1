import { gunzipSync } from 'node:zlib'
import { LipError } from '../errors.ts'

/** No dataset file is larger once decompressed; a file that claims more is not one. */
const LARGEST_BYTES = 2 ** 30

/** True when the bytes start as a gzip member does (RFC 1952, 2.3.1). */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * The decompressed bytes of a gzip file; anything else is returned as it is.
 * @throws LipError DATA_INVALID when the stream is damaged, cut short, or larger than a dataset can be.
 */
export function decompress(bytes: Uint8Array, path: string): Uint8Array {
  if (!isGzip(bytes)) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: LARGEST_BYTES })
  } catch (cause) {
    const code = (cause as { code?: string }).code
    const what =
      code === 'Z_BUF_ERROR'
        ? 'ends too early'
        : code === 'ERR_BUFFER_TOO_LARGE'
          ? 'is larger than any dataset once decompressed'
          : 'is damaged'
    throw new LipError('DATA_INVALID', `The gzip file '${path}' ${what}.`, {
      hint: 'Delete it and download it again with `lip-onnx data NAME`.',
      cause,
    })
  }
}
