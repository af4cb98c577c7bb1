/**
 * Data that the user brings: inputs and labels as .npy files.
 * @module
 */
import { LipError } from '../errors.ts'
import { createDataset, type Dataset, UNIT } from './dataset.ts'
import { readLabels } from './labels.ts'
import { readNpy } from './npy.ts'

export interface ArrayRequest {
  /** `[N, ...sample]`, values as the model takes them; unsigned bytes are scaled to [0, 1]. */
  readonly inputs: string
  /** `[N]` class numbers, or `[N, classes]` one-hot. */
  readonly labels: string
  /** Size of one sample of the model's input (without batch) when known, to check or restore the shape. */
  readonly dims?: readonly number[] | undefined
  readonly classes: number
  readonly samples?: number | undefined
}

/**
 * Reads a pair of .npy files.
 * @throws LipError DATA_INVALID when the shapes do not go together or with the model, or a label is no class.
 */
export async function readArrays(request: ArrayRequest): Promise<Dataset> {
  const inputs = await readNpy(request.inputs)
  const labels = await readNpy(request.labels)
  const [count, ...given] = inputs.dims
  if (count === undefined || given.length === 0) {
    throw new LipError(
      'DATA_INVALID',
      `'${request.inputs}' has shape (${inputs.dims.join(', ')}) where (samples, ...) is due.`,
    )
  }
  const size = given.reduce((a, b) => a * b, 1)
  const dims = request.dims ?? given
  if (size !== dims.reduce((a, b) => a * b, 1)) {
    throw new LipError(
      'DATA_INVALID',
      `'${request.inputs}' holds samples of ${given.join('x')}, but the model takes ${dims.join('x')}.`,
    )
  }
  const squeezed = (shape: readonly number[]) => shape.filter((size) => size !== 1).join('x')
  if (squeezed(given) !== squeezed(dims) && given.length > 1) {
    throw new LipError(
      'DATA_INVALID',
      `'${request.inputs}' holds samples of ${given.join('x')}, but the model takes ${dims.join('x')}: the axes are in another order.`,
      { hint: 'Transpose the array to the order of the model (channels first for most), or flatten each sample.' },
    )
  }
  if (labels.dims[0] !== count) {
    throw new LipError(
      'DATA_INVALID',
      `'${request.labels}' holds ${labels.dims[0] ?? 'no'} labels for ${count} inputs in '${request.inputs}'.`,
      {
        hint: 'Both files must list the same samples in the same order.',
      },
    )
  }
  const wanted = Math.min(request.samples ?? count, count)
  const scale = inputs.dtype === 'u1' ? 255 : 1
  return createDataset({
    name: 'arrays',
    split: 'given',
    dims,
    classes: Array.from({ length: request.classes }, (_, i) => String(i)),
    images: Float32Array.from({ length: wanted * size }, (_, i) => inputs.data[i]! / scale),
    labels: readLabels(labels, request.labels, wanted).labels,
    ownRange: UNIT,
    source: `${request.inputs}, ${request.labels}`,
  })
}
