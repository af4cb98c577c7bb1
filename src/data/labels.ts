import { LipError } from '../errors.ts'
import type { NpyValue } from './npy.ts'

/** Labels of one array, and how many classes its shape or its largest label speaks of. */
export interface ReadLabels {
  readonly labels: Int32Array
  /** Width of one-hot rows, else the largest label + 1. */
  readonly classes: number
}

/**
 * Class numbers of shape (N) or (N, 1), or one-hot rows of shape (N, classes).
 *
 * @param path only named in messages
 * @param count the first so many; default all
 * @throws LipError DATA_INVALID for a value that is no class number, and for rows that are not one-hot
 */
export function readLabels(value: NpyValue, path: string, count: number = value.dims[0] ?? 0): ReadLabels {
  const width = value.dims.slice(1).reduce((a, b) => a * b, 1)
  const labels = Int32Array.from({ length: count }, (_, i) => labelOf(value, width, i, path))
  const largest = labels.reduce((most, label) => Math.max(most, label), 0)
  return { labels, classes: width > 1 ? width : largest + 1 }
}

function labelOf({ dims, data }: NpyValue, width: number, i: number, path: string): number {
  if (width === 1) {
    const label = data[i]!
    if (!Number.isInteger(label) || Math.abs(label) >= 2 ** 31) {
      throw new LipError('DATA_INVALID', `Label ${i} in '${path}' is ${label}, which is no class number.`)
    }
    return label
  }
  const row = Array.from({ length: width }, (_, j) => data[i * width + j]!)
  const hot = row.indexOf(1)
  if (dims.length !== 2 || hot < 0 || row.some((value, j) => value !== (j === hot ? 1 : 0))) {
    throw new LipError('DATA_INVALID', `Row ${i} of '${path}' is not one-hot.`, {
      hint: 'Labels are class numbers of shape (samples), or one-hot rows of shape (samples, classes).',
    })
  }
  return hot
}
