import { LipError } from '../errors.ts'
import { toDataFormat } from './lipschitz-layer.ts'
import type * as tf from './tf.ts'

export type Pair = readonly [number, number]
export type DataFormat = 'channels_last' | 'channels_first'

/** An integer or a pair of positive integers. */
export function toPair(value: number | readonly number[], what: string, layer: string): Pair {
  const pair = typeof value === 'number' ? [value, value] : [...value]
  if (pair.length === 2 && pair.every((n) => Number.isInteger(n) && n > 0)) return pair as unknown as Pair
  throw new LipError(
    'CONFIG_INVALID',
    `${what} of layer "${layer}" must be a positive integer or two of them, got ${JSON.stringify(value)}.`,
  )
}

/** deel-lip accepts 1, [1, 1] and (1, 1). */
export function isOnes(value: number | readonly number[] | undefined): boolean {
  return (
    value === undefined || value === 1 || (Array.isArray(value) && value.length === 2 && value.every((n) => n === 1))
  )
}

export function checkDataFormat(value: string | null | undefined): DataFormat {
  const format = toDataFormat(value ?? 'channels_last')
  if (format === 'channels_last' || format === 'channels_first') return format
  throw new LipError('CONFIG_INVALID', `data_format not understood: ${value}`)
}

/** Height, width and channels of a rank-4 shape. @throws LipError when one of them is not known */
export function imageShape(shape: tf.Shape, format: DataFormat, layer: string): readonly [number, number, number] {
  const [h, w, c] = format === 'channels_last' ? shape.slice(1) : [shape[2], shape[3], shape[1]]
  if (shape.length !== 4 || h == null || w == null || c == null) {
    throw new LipError(
      'CONFIG_INVALID',
      `Layer "${layer}" needs images of a known height, width and number of channels, got the shape ${JSON.stringify(shape)}.`,
    )
  }
  return [h, w, c]
}

export function fromImageShape(
  batch: number | null,
  [h, w, c]: readonly [number, number, number],
  format: DataFormat,
): tf.Shape {
  return format === 'channels_last' ? [batch, h, w, c] : [batch, c, h, w]
}
