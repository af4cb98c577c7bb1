/**
 * Two distributions of one image each: deel-lip's demo 1. Black 64x64 images, and images with a white square of 35x35 pixels (three
 * tenths of the area). Their Wasserstein distance is the L2 distance of the two images, 35: a 1-Lipschitz network that maximises
 * the Kantorovich-Rubinstein term must reach it and cannot pass it.
 * @module
 */
import { createDataset, type Dataset } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'

const SIDE = 64
const SQUARE = Math.floor(SIDE * Math.sqrt(0.3))
const SIZES = { train: 1_000, test: 100 } as const

function generate({ split, samples }: DatasetRequest): Dataset {
  const count = Math.min(samples ?? Number.POSITIVE_INFINITY, SIZES[split])
  const images = new Float32Array(count * SIDE * SIDE)
  const start = (SIDE - SQUARE) >> 1
  for (let i = 1; i < count; i += 2) {
    for (let row = start; row < start + SQUARE; row++) {
      const at = (i * SIDE + row) * SIDE + start
      images.fill(1, at, at + SQUARE)
    }
  }
  return createDataset({
    name: 'dirac-squares',
    split,
    dims: [1, SIDE, SIDE],
    classes: ['black', 'square'],
    images,
    labels: Int32Array.from({ length: count }, (_, i) => i % 2),
    source: 'built-in: two images, in turns',
    classDistance: SQUARE,
  })
}

export const diracSquares: DatasetDefinition = {
  name: 'dirac-squares',
  title: 'Dirac squares',
  licence: 'none needed: computed here',
  sizes: SIZES,
  load: async (request) => generate(request),
}
