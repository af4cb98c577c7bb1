/** Small networks for the tests of the proof, written node by node. */
import { prepare } from '../../src/graph/prepare.ts'
import type { Program } from '../../src/graph/program.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { streamFrom } from './stream.ts'

export type Body = (b: GraphBuilder, x: string) => string

/** A model from a body; input and output shapes with their batch of 1. */
export function modelOf(input: readonly number[], output: readonly number[], body: Body, opset = 18): Model {
  const b = new GraphBuilder({ opset })
  const x = b.input('x', input)
  b.output(body(b, x), output)
  return b.build()
}

export function programOf(input: readonly number[], output: readonly number[], body: Body, opset = 18): Program {
  return prepare(modelOf(input, output, body, opset), { batch: 1 })
}

let counter = 0
const fresh = (): string => `weights_${counter++}`

export function random(seed: number, count: number, scale = 1): Float32Array {
  const stream = streamFrom(seed)
  return Float32Array.from({ length: count }, () => scale * stream())
}

export function dense(
  b: GraphBuilder,
  x: string,
  weights: ArrayLike<number>,
  out: number,
  inputs: number,
  bias?: ArrayLike<number>,
): string {
  const w = b.initializer(fresh(), [out, inputs], weights)
  const rest = bias ? [b.initializer(fresh(), [out], bias)] : []
  return b.node('Gemm', [x, w, ...rest], { transB: 1 })
}

export function conv(
  b: GraphBuilder,
  x: string,
  weights: ArrayLike<number>,
  dims: readonly number[],
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
  bias?: ArrayLike<number>,
): string {
  const w = b.initializer(fresh(), dims, weights)
  const rest = bias ? [b.initializer(fresh(), [dims[0]!], bias)] : []
  return b.node('Conv', [x, w, ...rest], attributes)
}

/** An orthogonal matrix: the identity turned in every plane of neighbours, in float32. */
export function rotation(size: number, angle: number): Float32Array {
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1
  for (let p = 0; p + 1 < size; p++)
    for (let k = 0; k < size; k++) {
      const [a, b] = [matrix[p * size + k]!, matrix[(p + 1) * size + k]!]
      matrix[p * size + k] = Math.cos(angle + p) * a - Math.sin(angle + p) * b
      matrix[(p + 1) * size + k] = Math.sin(angle + p) * a + Math.cos(angle + p) * b
    }
  return Float32Array.from(matrix)
}

/** GroupSort2 over axis 1 by Split, Min, Max, Concat: a permutation of it. */
export function maxMin(b: GraphBuilder, x: string): string {
  const [low, high] = b.nodes('Split', [x], 2, { axis: 1, num_outputs: 2 })
  return b.node('Concat', [b.node('Max', [low!, high!]), b.node('Min', [low!, high!])], { axis: 1 })
}
