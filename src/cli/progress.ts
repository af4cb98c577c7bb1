import { SingleBar } from 'cli-progress'

export interface Progress {
  /** `note` is shown beside the bar. */
  update(done: number, note?: string): void
  end(): void
}

/** Without a terminal a line is written at most this often. */
const SPARSE_MS = 15_000

/** A bar with ETA on a terminal, sparse lines elsewhere, nothing when quiet. */
export function startProgress(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  label: string,
  total: number,
  quiet: boolean,
): Progress {
  if (quiet) return { update() {}, end() {} }
  if (stream.isTTY) {
    const bar = new SingleBar({
      stream,
      format: '{label} [{bar}] {percentage}%  {value}/{total}  ETA {eta_formatted}  {note}',
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
    })
    bar.start(total, 0, { label, note: '' })
    return {
      update: (done, note) => bar.update(done, note === undefined ? {} : { note }),
      end: () => bar.stop(),
    }
  }
  let last = performance.now()
  return {
    update(done, note) {
      const now = performance.now()
      if (now - last < SPARSE_MS) return
      last = now
      stream.write(`${label} ${done}/${total}${note ? `  ${note}` : ''}\n`)
    },
    end() {},
  }
}
