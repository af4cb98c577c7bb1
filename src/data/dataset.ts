/**
 * Labelled images in memory, as every verb takes them.
 * @module
 */
import { LipError } from '../errors.ts'

export type Split = 'train' | 'test'

export interface Dataset {
  readonly name: string
  readonly split: string
  readonly count: number
  /** Of one sample, channels first: `[1, 28, 28]`. */
  readonly dims: readonly number[]
  readonly classes: readonly string[]
  /** Sample `i` as a view on `images`, scaled to [0, 1] for image sets. */
  image(i: number): Float32Array
  label(i: number): number
  /** `[count, ...dims]`, row-major. */
  readonly images: Float32Array
  readonly labels: Int32Array
  /** Where the samples came from, in words for the report. */
  readonly source: string
  /**
   * Values are those that the model takes, and lie in this interval unless the user says otherwise. Absent: pixels in [0, 1], which
   * are stretched to the interval of the model's inputs.
   */
  readonly ownRange?: readonly [low: number, high: number] | undefined
  /** Wasserstein distance (L2) between the two classes, where it is known: what KR reaches for and cannot pass. */
  readonly classDistance?: number | undefined
}

/** Where the inputs of a model live unless somebody says otherwise. */
export const UNIT: readonly [low: number, high: number] = [0, 1]

export interface DatasetParts {
  readonly name: string
  readonly split: string
  readonly dims: readonly number[]
  readonly classes: readonly string[]
  readonly images: Float32Array
  readonly labels: Int32Array
  readonly source: string
  readonly ownRange?: Dataset['ownRange']
  readonly classDistance?: Dataset['classDistance']
}

/**
 * Checks that images and labels belong together and gives them a face.
 * @throws LipError DATA_INVALID when there is no sample, the counts differ, a label has no class or a pixel is not finite.
 */
export function createDataset(parts: DatasetParts): Dataset {
  const size = parts.dims.reduce((a, b) => a * b, 1)
  const count = parts.labels.length
  if (count === 0) throw new LipError('DATA_INVALID', `The ${parts.split} split of '${parts.name}' has no samples.`)
  if (parts.images.length !== count * size) {
    throw new LipError(
      'DATA_INVALID',
      `'${parts.name}' (${parts.split}) has ${count} labels but ${parts.images.length / size} images of ${parts.dims.join('x')}.`,
      { hint: 'Images and labels must come from the same split and in the same order.' },
    )
  }
  const stray = parts.labels.findIndex((label) => label < 0 || label >= parts.classes.length)
  if (stray >= 0) {
    throw new LipError(
      'DATA_INVALID',
      `Label ${parts.labels[stray]} of sample ${stray} in '${parts.name}' is outside 0..${parts.classes.length - 1}.`,
    )
  }
  const broken = parts.images.findIndex((value) => !Number.isFinite(value))
  if (broken >= 0) {
    throw new LipError(
      'DATA_INVALID',
      `Sample ${Math.floor(broken / size)} of '${parts.name}' holds a value that is not finite.`,
    )
  }
  return {
    ...parts,
    count,
    image: (i) => parts.images.subarray(i * size, (i + 1) * size),
    label: (i) => parts.labels[i]!,
  }
}

/** Bytes 0..255 to float32 in [0, 1]: the quotient rounded once, as every other reader of these sets does. */
export function scaleBytes(bytes: Uint8Array): Float32Array {
  const scaled = Float32Array.from({ length: 256 }, (_, byte) => byte / 255)
  const out = new Float32Array(bytes.length)
  for (let i = 0; i < bytes.length; i++) out[i] = scaled[bytes[i]!]!
  return out
}
