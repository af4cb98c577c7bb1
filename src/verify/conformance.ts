import type { Conformance } from '../gate/gates.ts'
import { evaluate } from '../graph/evaluate.ts'
import type { Analysis } from '../lipschitz/analyse.ts'
import { type Executed, normUp } from './execute.ts'
import type { Samples } from './samples.ts'

/**
 * Holds onnxruntime against the float64 meaning of the graph, sample by sample (verification notes 4.4): every executed
 * logit must lie within the proved rounding error. A difference beyond it means that the profile, an operator's meaning or
 * the proof of its rounding is wrong.
 *
 * @param limit samples to check, spread evenly; the float64 evaluation takes milliseconds each
 */
export function checkConformance(
  analysis: Analysis,
  samples: Samples,
  executed: Executed,
  options: { readonly limit: number; readonly outOfTime?: () => boolean },
): Conformance | undefined {
  const { proof, program, logits } = analysis
  const [input] = program.inputs
  if (!proof || logits === undefined || !input) return undefined
  const { data, indices } = samples
  const count = Math.min(options.limit, indices.length)
  let worstRatio = 0
  let worst: Conformance['worst']
  let checked = 0
  for (let k = 0; k < count; k++) {
    if (checked > 0 && options.outOfTime?.()) break
    const row = Math.floor((k * indices.length) / count)
    const index = indices[row]!
    const x = data.image(index)
    const norm = normUp(x)
    const feed = { type: 'float32' as const, dims: input.dims, data: Float64Array.from(x) }
    const exact = evaluate(program, new Map([[input.name, feed]]), [logits]).get(logits)!.data
    checked++
    for (let i = 0; i < executed.width; i++) {
      const { constant, slope } = proof.logitErrors.single(i)
      // The float64 evaluation errs by less than 2^-28 of the float32 bound.
      const allowed = (constant + slope * norm) * (1 + 2 ** -27)
      const difference = Math.abs(executed.rows[row * executed.width + i]! - exact[i]!)
      const ratio = difference === 0 ? 0 : difference / allowed
      // "not <=" so that a NaN is kept.
      if (!(ratio <= worstRatio)) {
        worstRatio = ratio
        worst = { index, logit: i }
      }
      if (Number.isNaN(worstRatio)) return { samples: checked, worstRatio, worst: { index, logit: i } }
    }
  }
  return { samples: checked, worstRatio, ...(worst && { worst }) }
}
