import type { Io } from './io.ts'
import type { Progress } from './progress.ts'

/** One bar after another: a new one whenever the stage changes. */
export function stageProgress(io: Io): {
  readonly update: (stage: string, done: number, total: number, note?: string) => void
  readonly end: () => void
} {
  let bar: Progress | undefined
  let current: string | undefined
  return {
    update(stage, done, total, note) {
      if (stage !== current) {
        bar?.end()
        current = stage
        bar = io.progress(stage, total)
      }
      bar!.update(done, note)
    },
    end: () => bar?.end(),
  }
}
