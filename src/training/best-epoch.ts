/** A figure of metrics.jsonl that a run aims at. */
export interface Target {
  readonly monitor: string
  /** Default: 'min' for losses, else 'max'. */
  readonly mode?: 'min' | 'max'
}

type History = readonly Readonly<Record<string, number>>[]

/**
 * Position in the history of the best epoch: the first of equals, so that a later epoch must really be better. Epochs without the
 * figure (or with a NaN) do not count; undefined when none has it.
 */
export function bestEpoch(history: History, target: Target, minDelta = 0): number | undefined {
  const sign = modeOf(target) === 'min' ? -1 : 1
  let best: number | undefined
  let record = Number.NEGATIVE_INFINITY
  history.forEach((metrics, i) => {
    const value = sign * (metrics[target.monitor] ?? Number.NaN)
    // The first record needs no lead: -Infinity + minDelta is still below everything.
    if (value > record + minDelta) {
      best = i
      record = value
    }
  })
  return best
}

/** Whether the last `patience` epochs that have the figure brought nothing better. A function of the history: resume keeps it. */
export function isStalled(history: History, target: Target & { patience: number; minDelta?: number }): boolean {
  const measured = history.filter((metrics) => Number.isFinite(metrics[target.monitor]))
  const best = bestEpoch(measured, target, target.minDelta)
  return best !== undefined && measured.length - 1 - best >= target.patience
}

function modeOf({ monitor, mode }: Target): 'min' | 'max' {
  return mode ?? (monitor.endsWith('loss') ? 'min' : 'max')
}
