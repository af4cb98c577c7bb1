import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import * as tf from '../../src/layers/tf.ts'

/** Row-major values that deel-lip itself produced. */
export interface GoldenTensor {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

const folder = process.env.LIP_ONNX_GOLDEN ?? fileURLToPath(new URL('../../../shared/golden', import.meta.url))

export function hasGolden(name: string): boolean {
  const found = existsSync(`${folder}/${name}.json`)
  if (!found) console.warn(`skipped: no golden values at ${folder}/${name}.json (set LIP_ONNX_GOLDEN)`)
  return found
}

export function readGolden<T>(name: string): readonly T[] {
  return existsSync(`${folder}/${name}.json`) ? JSON.parse(readFileSync(`${folder}/${name}.json`, 'utf8')) : []
}

export function toTensor({ shape, data }: GoldenTensor): tf.Tensor {
  return tf.tensor([...data], [...shape], 'float32')
}

/** Largest difference, relative to the largest magnitude of the expected tensor. */
export function relativeError(actual: tf.Tensor, expected: GoldenTensor): number {
  expect(actual.shape).toEqual(expected.shape)
  const values = actual.dataSync()
  const scale = Math.max(...expected.data.map(Math.abs), 1e-6)
  return Math.max(0, ...expected.data.map((value, i) => Math.abs(value - values[i]!))) / scale
}
