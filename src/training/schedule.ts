/** Learning rate over the course of training; `progress` runs from 0 (first step) to 1 (after the last). */
export type Schedule =
  | { readonly kind: 'constant' }
  /** Linear warm-up over `warmup` of the training, then half a cosine down to `floor` times the base rate (arXiv 1608.03983). */
  | { readonly kind: 'cosine'; readonly warmup?: number; readonly floor?: number }
  /** Multiplied by `factor` at each of the given fractions of the training. */
  | { readonly kind: 'steps'; readonly at: readonly number[]; readonly factor: number }

/** Learning rate at a point of the training. */
export function learningRateAt(base: number, schedule: Schedule, progress: number): number {
  switch (schedule.kind) {
    case 'constant':
      return base
    case 'cosine': {
      const warmup = schedule.warmup ?? 0
      const floor = schedule.floor ?? 0
      if (progress < warmup) return (base * (progress + 1e-3)) / (warmup + 1e-3)
      const t = (progress - warmup) / (1 - warmup)
      return base * (floor + ((1 - floor) * (1 + Math.cos(Math.PI * Math.min(1, t)))) / 2)
    }
    case 'steps':
      return base * schedule.factor ** schedule.at.filter((at) => progress >= at).length
  }
}
