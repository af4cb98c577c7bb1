import * as ort from 'onnxruntime-node'
import type { Model, NdArray } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const CONSTRUCTORS: Record<string, (values: Float64Array) => ort.Tensor['data']> = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => values,
  int64: (values) => BigInt64Array.from(Array.from(values, BigInt)),
  int32: (values) => Int32Array.from(values),
  uint8: (values) => Uint8Array.from(values),
  bool: (values) => Uint8Array.from(values),
}

/** Runs a model in onnxruntime on the CPU: the judge of what our float64 evaluator and gradients must say. */
export async function runOnnx(
  model: Model | Uint8Array,
  feeds: Readonly<Record<string, NdArray>>,
  graphOptimizationLevel: 'all' | 'disabled' = 'all',
): Promise<Record<string, NdArray>> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model)
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    graphOptimizationLevel,
    logSeverityLevel: 3,
    executionProviders: ['cpu'],
  })
  try {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, { type, dims, data }]) => [
        name,
        new ort.Tensor(type as ort.Tensor.Type, CONSTRUCTORS[type]!(data) as never, [...dims]),
      ]),
    )
    const results = await session.run(tensors)
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [
        name,
        {
          type: tensor.type as NdArray['type'],
          dims: tensor.dims,
          data: Float64Array.from(tensor.data as ArrayLike<unknown> as ArrayLike<number>, Number),
        },
      ]),
    )
  } finally {
    await session.release()
  }
}

/** A reproducible stream of numbers in [-1, 1). */
export function stream(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.fround((state / 2 ** 31 - 1) * (1 - 2 ** -20))
  }
}

export function randomArray(dims: readonly number[], next: () => number, scale = 1): NdArray {
  const count = dims.reduce((product, dim) => product * dim, 1)
  return { type: 'float32', dims, data: Float64Array.from({ length: count }, () => Math.fround(next() * scale)) }
}
