import { isFloat } from '../onnx/element-types.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { Operand, Operator, Site } from '../ops/operator.ts'
import { createSite } from '../ops/site.ts'
import { hasSubnormal } from '../ops/subnormal.ts'

/** Unit roundoff of float32, in which a runtime computes what the file leaves to be folded. */
const U = 2 ** -24
/** Our own float64 evaluation of one elementwise operation, generously. */
const OURS = 2 ** -49
const SMALLEST_NORMAL = 2 ** -126

/**
 * Bound on the relative error of a folded constant: against the real number that the graph defines, and against the number
 * that a float32 runtime computes in its place (NdArray.relativeError). 0 = exact, Infinity = not known.
 *
 * Sound because: whole numbers below 2^53 are exact in both; data movement copies; an operator with a relative rounding rule
 * and a `relativeError` rule gives (1 + propagated)(1 + own) - 1, the first-order and product terms included.
 */
export function roundingOfFold(
  operator: Operator,
  site: Site,
  inputs: readonly (NdArray | undefined)[],
  output: NdArray,
): number {
  const errors = inputs.map((input) => input?.relativeError ?? 0)
  const worst = Math.max(0, ...errors)
  if (!isFloat(output.type)) return worst === 0 ? 0 : Infinity
  const rule = operator.rounding(site)
  // Half precision rounds far more coarsely than the rules below assume.
  if (output.type !== 'float32' && output.type !== 'float64') return worst === 0 && rule.kind === 'exact' ? 0 : Infinity
  // Small whole numbers (shape arithmetic in floats): +, -, *, / and roots that give one from others give it exactly, for
  // any other true value lies further from it than 2^-49 of it. Correctly rounded operations are those of one half ulp.
  const correct =
    rule.kind === 'exact' || (rule.kind === 'relative' && rule.ulps <= 1 && !rule.inputUlps && !rule.absolute)
  if (correct && worst === 0 && inputs.every((input) => !input || isSmallWhole(input)) && isSmallWhole(output)) return 0

  const propagated =
    worst === 0 ? 0 : isMovement(operator, site) ? worst : (operator.relativeError?.(site, errors) ?? Infinity)
  if (rule.kind === 'exact') return propagated
  if (rule.kind !== 'relative' || rule.inputUlps || rule.absolute) return Infinity
  // A subnormal number that is read as 0 takes the whole result with it.
  if (hasSubnormal(site)) return Infinity
  // Below the normal range the error is no longer relative; above the largest float32 there is none to compare with.
  if (output.data.some((value) => value !== 0 && !(Math.abs(value) > 2 * SMALLEST_NORMAL && Math.abs(value) < 3e38)))
    return Infinity
  const own = rule.ulps * U * 1.0001 + OURS
  return propagated + own + propagated * own
}

function isSmallWhole(array: NdArray): boolean {
  return array.data.every((value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 24)
}

/** Asks the operator's rule as if its float inputs were not constant. */
function isMovement(operator: Operator, site: Site): boolean {
  const inputs = site.inputs.map((input): Operand | undefined =>
    input && isFloat(input.type) ? { name: input.name, type: input.type, dims: input.dims } : input,
  )
  if (!inputs.some((input) => input && !input.constant)) return false
  try {
    return operator.lipschitz(createSite(site.node, site.opset, inputs, site.outputs)).kind === 'move'
  } catch {
    return false
  }
}
