/**
 * Subnormal float32 numbers, which a runtime may read as 0 (docs/soundness.md 10.1).
 * @module
 */
import { isFloat } from '../onnx/element-types.ts'
import type { Site } from './operator.ts'

export function isSubnormal(value: number): boolean {
  return value !== 0 && Math.abs(value) < 2 ** -126
}

/** A constant of the node has numbers that may be read as 0. */
export function hasSubnormal({ inputs }: Site): boolean {
  return inputs.some((input) => input?.constant && isFloat(input.type) && input.constant.data.some(isSubnormal))
}
