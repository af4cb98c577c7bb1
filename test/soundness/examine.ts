/**
 * What lip-onnx says about a model beside what the function really does.
 * @module
 */
import * as ort from 'onnxruntime-node'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { type Analysis, analyse } from '../../src/lipschitz/analyse.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model, Shape } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { type Fn, type Steepest, steepest } from './steepest.ts'

export type Body = (b: GraphBuilder, x: string) => string

/** A model with one input of shape `dims` whose batch is open, or fixed at `dims[0]`. */
export function modelOf(dims: Shape, body: Body, options: { opset?: number; fixed?: boolean } = {}): Model {
  const b = new GraphBuilder({ opset: options.opset ?? 18 })
  const x = b.input('x', options.fixed ? dims : ['N', ...dims.slice(1)])
  b.output(body(b, x))
  return b.build()
}

/** The analysed tensor as a function of the input. */
export function functionOf({ program, logits }: Analysis): Fn {
  const [input] = program.inputs
  return (data) => evaluate(program, new Map([['x', { ...input!, data }]]), [logits!]).get(logits!)!.data
}

export interface Examined {
  readonly analysis: Analysis
  /** undefined where nothing is proved. */
  readonly found: Steepest | undefined
  /** Bounds that a pair of points refutes. */
  readonly refuted: readonly string[]
}

export async function examine(model: Model, seed: number, rounds: number): Promise<Examined> {
  const analysis = await analyse(prepare(model, { batch: 1 }))
  if (!analysis.proof) return { analysis, found: undefined, refuted: [] }
  const found = steepest(functionOf(analysis), analysis.inputSize, randomStream(0xa77ac, seed), rounds)
  const refuted = (['joint', 'logit', 'pair'] as const).flatMap((name) => {
    const { upper } = analysis.bounds[name]
    return upper === null || found[name] <= upper * (1 + 1e-9) ? [] : [`${name}: ${found[name]} > ${upper}`]
  })
  return { analysis, found, refuted }
}

/**
 * The executed network against the proved rounding error: how far onnxruntime is from float64 at `points`, relative to what
 * is allowed. Above 1 refutes the error bound (or the meaning of an operator).
 */
export async function executedError(
  model: Model,
  analysis: Analysis,
  points: readonly Float32Array[],
): Promise<number> {
  const { proof, logits, program } = analysis
  if (!proof || logits !== model.graph.outputs[0]!.name) return 0
  const [input] = program.inputs
  const options = { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 } as const
  const session = await ort.InferenceSession.create(encodeModel(model), options)
  const exact = functionOf(analysis)
  let worst = 0
  for (const point of points) {
    const result = await session.run({ x: new ort.Tensor('float32', point, [...input!.dims]) })
    const executed = result[logits]!.data as Float32Array
    exact(Float64Array.from(point)).forEach((value, k) => {
      const { constant, slope } = proof.logitErrors.single(k)
      const off = Math.abs(executed[k]! - value)
      const ratio = off === 0 ? 0 : off / (constant + slope * vectorNormUpper(point))
      if (!(ratio <= worst)) worst = ratio
    })
  }
  await session.release()
  return worst
}
