import type { Shape } from '../onnx/ir.ts'

/** Number of elements; 1 for a scalar. */
export function sizeOf(dims: Shape): number {
  let size = 1
  for (const dim of dims) size *= dim
  return size
}

/** Row-major strides, in elements. */
export function stridesOf(dims: Shape): number[] {
  const strides = new Array<number>(dims.length)
  for (let axis = dims.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= dims[axis]
  }
  return strides
}

export function sameDims(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis])
}
