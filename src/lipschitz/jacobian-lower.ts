/**
 * The lower side of the bracket: differences that the network really makes. A Jacobian only proposes a direction; what is
 * reported is |f(x') - f(x)| / |x' - x| of two points, less what float64 evaluation may be off.
 * @module
 */
import { COTANGENT, differentiate, gradientName } from '../graph/differentiate.ts'
import { evaluate } from '../graph/evaluate.ts'
import { prepare } from '../graph/prepare.ts'
import type { Program } from '../graph/program.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { Analysis, Proof } from './analyse.ts'
import { vectorNormLower, vectorNormUpper } from './norms/index.ts'
import type { ErrorForm } from './rounding-error.ts'

export interface LowerBounds {
  readonly logit: number
  readonly features: number
  readonly joint: number
  readonly pair: number
}

export interface LowerOptions {
  /** Steps of ascent from every point and for every question. Default 6. */
  readonly steps?: number
  /** Logits and pairs that are tried at every point: those with the largest upper bounds. Default 2. */
  readonly candidates?: number
}

/** A scalar or vector question: values and a way back. */
interface Question {
  readonly output: string
  /** What of the output's difference counts. */
  measure(difference: Float64Array): number
  /** Direction in the output that is followed; from the last difference, or to begin with. */
  cotangent(size: number, difference: Float64Array | undefined): Float64Array
  /** Error of the executed float32 network, of which the float64 evaluator has at most 2^-28. */
  readonly error: ErrorForm
}

/** Lengths of the second point's step; longer ones see past the kinks, shorter ones the slope itself. */
const STEPS = [1e-3, 1e-1, 1]

/**
 * Ascends from each point.
 * @param points inputs at batch 1, in the units of the model's input
 * @returns attained constants, 0 where nothing was found
 */
export function lowerBounds(
  analysis: Analysis,
  points: readonly Float64Array[],
  options: LowerOptions = {},
): LowerBounds {
  const { proof, program } = analysis
  if (!proof || program.inputs.length !== 1 || points.length === 0) return { logit: 0, features: 0, joint: 0, pair: 0 }
  const { steps = 6, candidates = 2 } = options
  const climb = createClimb(program, steps)
  const best = (questions: readonly Question[]): number =>
    Math.max(0, ...questions.flatMap((question) => points.map((point) => climb(question, point))))
  const logit = best(strongest(proof, analysis.classes, candidates).map((i) => single(proof, i)))
  const pair =
    analysis.classes === 1
      ? logit
      : best(strongestPairs(proof, analysis.classes, candidates).map(([i, j]) => difference(proof, i, j)))
  const { trailing, errors } = proof
  const features = best([whole(trailing.features, errors.of(trailing.features))])
  const joint = best([whole(trailing.logits, errors.of(trailing.logits))])
  // Behind a LogSoftmax single outputs are not the logits; a difference of two is, and is at most twice one output.
  if (analysis.stretched)
    return { logit: (pair / 2) * (1 - 2 ** -50), features, joint: (pair / Math.SQRT2) * (1 - 2 ** -50), pair }
  // One output is one of all; a pair is at most sqrt 2 times all.
  return { logit, features, joint: Math.max(joint, logit, (pair / Math.SQRT2) * (1 - 2 ** -50)), pair }
}

/** The analysis with its lower sides filled in. */
export function withLowerBounds(
  analysis: Analysis,
  points: readonly Float64Array[],
  options: LowerOptions = {},
): Analysis {
  const lower = lowerBounds(analysis, points, options)
  const { logit, features, joint, pair } = analysis.bounds
  return {
    ...analysis,
    bounds: {
      logit: { ...logit, lower: Math.max(logit.lower, lower.logit) },
      features: { ...features, lower: Math.max(features.lower, lower.features) },
      joint: { ...joint, lower: Math.max(joint.lower, lower.joint) },
      pair: { ...pair, lower: Math.max(pair.lower, lower.pair) },
    },
  }
}

function createClimb(program: Program, steps: number): (question: Question, start: Float64Array) => number {
  const [input] = program.inputs
  const backward = new Map<string, Program>()
  const backwardOf = (output: string): Program => {
    const found =
      backward.get(output) ??
      prepare(differentiate(program, { of: output, by: [input!.name] }), { batch: program.batch })
    backward.set(output, found)
    return found
  }
  const tensor = (data: Float64Array): NdArray => ({ type: input!.type, dims: input!.dims, data })
  const value = (output: string, x: Float64Array): Float64Array =>
    evaluate(program, new Map([[input!.name, tensor(x)]]), [output]).get(output)!.data
  // Constants that the file computes are known up to their own error only: then nothing better than float32 is claimed.
  const inexact = program.nodes.some(({ site }) => site.inputs.some((operand) => operand?.constant?.relativeError))
  const share = inexact ? 1 : 2 ** -28

  return (question, start) => {
    const { output, error } = question
    if (!program.values.has(output) || output === input!.name) return 0
    const { dims, type } = program.values.get(output)!
    let x = start
    let y = value(output, x)
    let last: Float64Array | undefined
    let best = 0
    for (let step = 0; step < steps; step++) {
      const cotangent = { type, dims, data: question.cotangent(y.length, last) }
      const feeds = new Map([
        [input!.name, tensor(x)],
        [COTANGENT, cotangent],
      ])
      const name = gradientName(input!.name)
      const gradient = evaluate(backwardOf(output), feeds, [name]).get(name)!.data
      const length = Math.hypot(vectorNormUpper(gradient))
      if (!(length > 0) || !Number.isFinite(length)) break
      let ahead: { readonly x: Float64Array; readonly y: Float64Array; readonly ratio: number } | undefined
      for (const size of STEPS) {
        const there = x.map((v, k) => v + (size / length) * gradient[k]!)
        const moved = vectorNormUpper(there.map((v, k) => v - x[k]!)) * (1 + 2 ** -50)
        const result = value(output, there)
        const change = result.map((v, k) => v - y[k]!)
        const norm = Math.max(vectorNormUpper(x), vectorNormUpper(there))
        const off = 2 * share * (error.constant + error.slope * norm) + 2 ** -50 * vectorNormUpper(result)
        const ratio = ((question.measure(change) - off) / moved) * (1 - 2 ** -40)
        if (ratio > best) best = ratio
        if (!ahead || ratio > ahead.ratio) ahead = { x: there, y: result, ratio }
        last = change
      }
      if (!ahead) break
      x = ahead.x
      y = ahead.y
    }
    return best
  }
}

function single({ trailing, logitErrors }: Proof, i: number): Question {
  return {
    output: trailing.logits,
    measure: (change) => Math.abs(change[i]!),
    cotangent: (size) => unit(size, [[i, 1]]),
    error: logitErrors.single(i),
  }
}

function difference({ trailing, logitErrors }: Proof, i: number, j: number): Question {
  return {
    output: trailing.logits,
    measure: (change) => Math.abs(change[i]! - change[j]!) * (1 - 2 ** -50),
    cotangent: (size) =>
      unit(size, [
        [i, 1],
        [j, -1],
      ]),
    error: logitErrors.pair(i, j),
  }
}

/** All elements of a tensor as one vector: power iteration, the last difference being J applied to the last direction. */
function whole(output: string, error: ErrorForm): Question {
  return {
    output,
    measure: (change) => vectorNormLower(change),
    cotangent: (size, last) => {
      if (last && vectorNormLower(last) > 0) return last
      // Any start will do that is no likely eigenvector.
      return Float64Array.from({ length: size }, (_, k) => Math.cos(1 + 2.399963 * k))
    },
    error,
  }
}

function unit(size: number, entries: readonly (readonly [number, number])[]): Float64Array {
  const result = new Float64Array(size)
  for (const [k, value] of entries) result[k] = value
  return result
}

function strongest({ outputs }: Proof, classes: number, count: number): number[] {
  const order = Array.from({ length: classes }, (_, i) => i)
  return order.sort((i, j) => outputs.logits[j]! - outputs.logits[i]! || i - j).slice(0, count)
}

/** Outputs among which pairs are looked for: an image has too many to list all. */
const MOST_PAIRED = 1024

function strongestPairs(proof: Proof, classes: number, count: number): [number, number][] {
  const { outputs } = proof
  const among =
    classes > MOST_PAIRED ? strongest(proof, classes, MOST_PAIRED) : Array.from({ length: classes }, (_, i) => i)
  const pairs: [number, number][] = []
  for (const [k, i] of among.entries()) for (let j = 0; j < k; j++) pairs.push([i, among[j]!])
  return pairs.sort(([a, b], [c, d]) => outputs.pair(c, d) - outputs.pair(a, b)).slice(0, count)
}
