/**
 * The executed network against the float64 evaluator (docs/soundness.md 12): a cheap check that refutes a wrong numeric
 * profile (TF32, fast-math, rewritten weights) or a wrong meaning of an operator here. It proves nothing; a violation is an
 * alarm.
 * @module
 */
import { evaluate } from '../graph/evaluate.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { Analysis } from './analyse.ts'
import { vectorNormUpper } from './norms/index.ts'

export interface ConformanceSample {
  readonly index: number
  /** One row, in the shape of the program's input at batch 1. */
  readonly input: Float32Array
  /** What the runtime computed for it. */
  readonly logits: ArrayLike<number>
}

export interface Conformance {
  /** Samples that there was a proved error to hold against. */
  readonly checked: number
  /** Largest |executed - float64| / proved error; expect 1e-3 to 1e-1, above 1 is an alarm. */
  readonly worstRatio: number
  readonly violations: readonly {
    readonly index: number
    readonly logit: number
    readonly difference: number
    readonly allowed: number
  }[]
}

export function checkConformance(analysis: Analysis, samples: readonly ConformanceSample[]): Conformance {
  const { proof, program, logits } = analysis
  const [operand] = program.inputs
  if (!proof || logits === undefined || program.inputs.length !== 1)
    return { checked: 0, worstRatio: 0, violations: [] }
  let worstRatio = 0
  let checked = 0
  const violations: Conformance['violations'][number][] = []
  for (const { index, input, logits: executed } of samples) {
    const feed: NdArray = { type: operand!.type, dims: operand!.dims, data: Float64Array.from(input) }
    const exact = evaluate(program, new Map([[operand!.name, feed]]), [logits]).get(logits)!.data
    const norm = vectorNormUpper(input)
    let held = false
    for (let k = 0; k < exact.length; k++) {
      const difference = Math.abs(executed[k]! - exact[k]!)
      const { constant, slope } = proof.logitErrors.single(k)
      // The float64 evaluator has an error of its own, 2^-28 of the bound for float32.
      const allowed = (constant + slope * norm) * (1 + 2 ** -20)
      // Anything agrees within an error that is not bounded.
      if (allowed === Number.POSITIVE_INFINITY) continue
      held = true
      if (difference > 0) worstRatio = Math.max(worstRatio, difference / allowed)
      if (!(difference <= allowed)) violations.push({ index, logit: k, difference, allowed })
    }
    if (held) checked++
  }
  return { checked, worstRatio, violations }
}
