import type { Dataset } from '../data/dataset.ts'
import { randomStream } from '../linalg/random.ts'
import { type Augmentation, augment } from './augment.ts'

export interface Batch {
  /** `[n, ...dims]`, channels first. */
  readonly images: Float32Array
  readonly labels: Int32Array
}

/** The named samples, augmented where asked. `seed` and `epoch` key what is drawn, together with the sample's position. */
export function gatherBatch(
  data: Dataset,
  indices: Int32Array,
  augmentation?: { readonly how: Augmentation; readonly seed: number; readonly epoch: number },
): Batch {
  const size = data.images.length / data.count
  const images = new Float32Array(indices.length * size)
  const labels = new Int32Array(indices.length)
  for (let k = 0; k < indices.length; k++) {
    const index = indices[k]!
    labels[k] = data.label(index)
    if (augmentation === undefined) {
      images.set(data.image(index), k * size)
    } else {
      const { how, seed, epoch } = augmentation
      const stream = randomStream(seed, 2, epoch, index)
      augment(data.image(index), data.dims, how, stream, images.subarray(k * size, (k + 1) * size))
    }
  }
  return { images, labels }
}
