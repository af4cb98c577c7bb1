import { randomStream } from '../linalg/random.ts'
import type { Analysis } from '../lipschitz/analyse.ts'
import type { Samples } from './samples.ts'

/** Points from which to look for a difference that exceeds the limit, and how many where the limit is proved anyway. */
const POINTS = 4
const POINTS_WHEN_PROVED = 1

/**
 * Where the search for a lower bound begins: samples, or without data uniform points of the input range. Any point will do
 * for the proof; good ones are near the data.
 */
export function startingPoints(
  analysis: Analysis,
  samples: Samples | undefined,
  options: { readonly seed: number; readonly range: readonly [low: number, high: number]; readonly proved: boolean },
): readonly Float64Array[] {
  const count = options.proved ? POINTS_WHEN_PROVED : POINTS
  if (samples) {
    return samples.indices.slice(0, count).map((index) => Float64Array.from(samples.data.image(index)))
  }
  const [low, high] = options.range
  return Array.from({ length: count }, (_, k) => {
    const stream = randomStream(options.seed, k)
    return Float64Array.from({ length: analysis.inputSize }, () => low + (high - low) * stream.uniform())
  })
}
