import type { DownloadOptions } from '../data/download.ts'
import type { Io } from './io.ts'
import type { Progress } from './progress.ts'

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

/** One bar a file, for what downloads. Call `end` when all is there. */
export function downloadProgress(io: Io): { onProgress: NonNullable<DownloadOptions['onProgress']>; end(): void } {
  let bar: Progress | undefined
  let current: string | undefined
  return {
    onProgress(received, total, url) {
      if (url !== current) {
        bar?.end()
        current = url
        bar = io.progress(url.split('/').at(-1)!, total ?? received)
      }
      bar!.update(received, megabytes(received))
    },
    end: () => bar?.end(),
  }
}
