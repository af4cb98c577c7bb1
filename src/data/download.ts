/**
 * Fetches a dataset's file from its public home into the cache.
 * @module
 */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { LipError } from '../errors.ts'
import { writeAtomically } from '../write-atomically.ts'
import { decompress } from './gzip.ts'

export interface Download {
  /** Homes of the same file, tried in order. */
  readonly urls: readonly string[]
  readonly target: string
  /** SHA-256 of what the checksum covers, in hexadecimal. */
  readonly sha256: string
  /** The checksum is that of the decompressed bytes: archives are compressed again, their content stays. */
  readonly decompressed: boolean
}

export interface DownloadOptions {
  /** Bytes so far and in all (undefined when the server does not say). */
  readonly onProgress?: ((received: number, total: number | undefined, url: string) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** A server that sends nothing for this long is given up. */
const STALL_MS = 30_000

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function receive(url: string, options: DownloadOptions): Promise<Uint8Array> {
  const stalled = new AbortController()
  const abort = () => stalled.abort(new Error(`nothing received for ${STALL_MS / 1000} s`))
  let timer = setTimeout(abort, STALL_MS)
  try {
    const signal = options.signal ? AbortSignal.any([options.signal, stalled.signal]) : stalled.signal
    const response = await fetch(url, { signal })
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`)
    const length = Number(response.headers.get('content-length')) || undefined
    const chunks: Uint8Array[] = []
    let received = 0
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer)
      timer = setTimeout(abort, STALL_MS)
      chunks.push(chunk)
      received += chunk.length
      options.onProgress?.(received, length, url)
    }
    return Buffer.concat(chunks)
  } finally {
    clearTimeout(timer)
  }
}

function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  return cause?.code ?? cause?.message ?? (error as Error).message
}

/**
 * Downloads a file, checks its SHA-256 and only then puts it in its place (temporary file, rename).
 * @throws LipError DATA_UNAVAILABLE when no home answers, DATA_INVALID when what they send is not the file.
 */
export async function download(file: Download, options: DownloadOptions = {}): Promise<void> {
  const failures: string[] = []
  let mismatch = false
  for (const url of file.urls) {
    let bytes: Uint8Array
    try {
      bytes = await receive(url, options)
      const content = file.decompressed ? decompress(bytes, url) : bytes
      if (sha256(content) !== file.sha256) {
        mismatch = true
        failures.push(`${url} sent a file with another checksum`)
        continue
      }
    } catch (error) {
      if (options.signal?.aborted) throw new LipError('INTERRUPTED', 'The download was interrupted.')
      failures.push(`${new URL(url).host}: ${reasonOf(error)}`)
      continue
    }
    await place(bytes, file.target)
    return
  }
  const name = file.urls[0]!.split('/').at(-1)!
  throw new LipError(
    mismatch ? 'DATA_INVALID' : 'DATA_UNAVAILABLE',
    `'${name}' could not be downloaded (${failures.join('; ')}).`,
    {
      hint: 'Connect to the network, or name a folder that holds the original files with --data-dir or LIP_ONNX_DATA, or use the built-in set: --dataset shapes.',
    },
  )
}

function place(bytes: Uint8Array, target: string): Promise<void> {
  return writeAtomically(target, bytes, {
    what: `The cache '${dirname(target)}'`,
    hint: 'Set LIP_ONNX_CACHE to a folder that can be written.',
    makeFolder: true,
  })
}
