/**
 * Two interleaved half circles in the plane with Gaussian noise of .05: deel-lip's demo 2. Computed from a seed.
 * @module
 */
import { randomStream } from '../linalg/random.ts'
import { createDataset, type Dataset } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'

const SIZES = { train: 4_000, test: 1_000 } as const
const NOISE = 0.05
/** Part of the definition of the set. */
const SEED = 20_060_520

/** The outer moon (cos t, sin t) is class 0, the inner one (1 - cos t, 1/2 - sin t) class 1, t uniform in [0, pi]. */
function generate({ split, samples }: DatasetRequest): Dataset {
  const count = Math.min(samples ?? Number.POSITIVE_INFINITY, SIZES[split])
  const images = new Float32Array(2 * count)
  const labels = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const stream = randomStream(SEED, split === 'train' ? 0 : 1, i)
    const inner = stream.integer(2)
    const t = Math.PI * stream.uniform()
    labels[i] = inner
    images[2 * i] = (inner ? 1 - Math.cos(t) : Math.cos(t)) + NOISE * stream.normal()
    images[2 * i + 1] = (inner ? 0.5 - Math.sin(t) : Math.sin(t)) + NOISE * stream.normal()
  }
  return createDataset({
    name: 'two-moons',
    split,
    dims: [2],
    classes: ['outer', 'inner'],
    images,
    labels,
    source: `built-in, generated from seed ${SEED}`,
    ownRange: [-2, 3],
  })
}

export const twoMoons: DatasetDefinition = {
  name: 'two-moons',
  title: 'Two moons',
  licence: 'none needed: computed here',
  sizes: SIZES,
  load: async (request) => generate(request),
}
