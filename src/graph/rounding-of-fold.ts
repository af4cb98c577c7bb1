import { isFloat } from '../onnx/element-types.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { LipschitzRule, Operand, Operator, Site } from '../ops/operator.ts'
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
 * Sound because: whole numbers below 2^53 are exact in both; data movement copies; what an operator makes of the errors of its
 * inputs and what it rounds itself give (1 + propagated)(1 + own) - 1, the first-order and product terms included. Where an error is
 * not relative by nature (a sum that cancels), it is divided by the smallest element that it may meet: an element that cancels to 0
 * has no bound.
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
    worst === 0
      ? 0
      : isMovement(operator, site)
        ? worst
        : (operator.relativeError?.(site, errors) ?? throughNode(operator, site, inputs, errors, output))
  if (rule.kind === 'exact') return propagated
  // A subnormal number that is read as 0 takes the whole result with it.
  if (hasSubnormal(site)) return Infinity
  // Below the normal range the error is no longer relative; above the largest float32 there is none to compare with.
  if (output.data.some((value) => value !== 0 && !(Math.abs(value) > 2 * SMALLEST_NORMAL && Math.abs(value) < 3e38)))
    return Infinity
  const own = ownRounding(operator, site, inputs, output)
  return propagated + own + propagated * own
}

/** What the node's own arithmetic adds in a runtime (and in float64), relative to every element. */
function ownRounding(
  operator: Operator,
  site: Site,
  inputs: readonly (NdArray | undefined)[],
  output: NdArray,
): number {
  const rule = operator.rounding(site)
  switch (rule.kind) {
    case 'exact':
      return 0
    case 'relative': {
      const x = inputs[0]?.data
      const ulps = rule.ulps * U * 1.0001 + OURS
      const input = rule.inputUlps ?? 0
      if (input > 0 && x?.length !== output.data.length) return Infinity
      if (!input && !rule.absolute) return ulps
      return (
        ulps + relativeTo(output, (i) => input * U * 1.0001 * Math.abs(input > 0 ? x![i]! : 0) + (rule.absolute ?? 0))
      )
    }
    case 'absolute':
      return OURS + relativeTo(output, () => rule.error)
    case 'dot': {
      const magnitudes = rule.offset ? undefined : magnitudesOf(operator, site, inputs)
      if (!magnitudes) return Infinity
      const terms = rule.terms + 4
      const grow = (terms * U) / (1 - terms * U) + terms * 2 ** -52
      const largest = inputs.reduce((most, input) => Math.max(most, largestOf(input)), 1)
      const flushed = (2 * terms + 2) * SMALLEST_NORMAL * (1 + largest) * (rule.gain ?? 1)
      if (!(terms * U < 0.5) || largestOf(magnitudes) * (rule.partial ?? 1) > 1e38) return Infinity
      return relativeTo(output, (i) => grow * magnitudes.data[i]! + flushed)
    }
    case 'unknown':
      return Infinity
  }
}

/**
 * What errors of the inputs do to a node without a rule for them. A sum of products whose factors are off by relative e_k is off
 * by at most (product of (1 + e_k) - 1) times the sum of the absolute values of the products. A K-Lipschitz function of each element
 * is off by at most K e |x_i|.
 */
function throughNode(
  operator: Operator,
  site: Site,
  inputs: readonly (NdArray | undefined)[],
  errors: readonly number[],
  output: NdArray,
): number {
  const share = errors.reduce((product, error) => product * (1 + error), 1) * (1 + 2 ** -50) - 1
  if (!Number.isFinite(share)) return Infinity
  const magnitudes = magnitudesOf(operator, site, inputs)
  if (magnitudes) return relativeTo(output, (i) => share * magnitudes.data[i]!)
  const [x, ...others] = inputs
  const { rows } = operator
  if (!x || others.some((input) => input?.relativeError) || x.data.length !== output.data.length) return Infinity
  if (rows(site) !== 'elementwise' || x.dims.join() !== output.dims.join()) return Infinity
  const rule = ruleWithoutConstants(operator, site)
  return rule?.kind === 'constant' ? relativeTo(output, (i) => rule.value * share * Math.abs(x.data[i]!)) : Infinity
}

/** The sums of the absolute values of the products that make each element of the first output. */
function magnitudesOf(operator: Operator, site: Site, inputs: readonly (NdArray | undefined)[]): NdArray | undefined {
  const [magnitudes] =
    operator.magnitudes?.(
      site,
      inputs.map((input) => input && (isFloat(input.type) ? { ...input, data: input.data.map(Math.abs) } : input)),
    ) ?? []
  return magnitudes
}

/** The largest of absolute errors relative to the elements; rounded up. */
function relativeTo(output: NdArray, errorAt: (index: number) => number): number {
  let most = 0
  for (let i = 0; i < output.data.length; i++) {
    const error = errorAt(i)
    if (error > 0) most = Math.max(most, (error / Math.abs(output.data[i]!)) * (1 + 2 ** -48))
    else if (error !== 0) return Infinity
  }
  return most
}

const largestOf = (array: NdArray | undefined): number =>
  array && isFloat(array.type) ? array.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) : 0

function isSmallWhole(array: NdArray): boolean {
  return array.data.every((value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 24)
}

function isMovement(operator: Operator, site: Site): boolean {
  return ruleWithoutConstants(operator, site)?.kind === 'move'
}

/** The operator's rule as if its float inputs were not constant. */
function ruleWithoutConstants(operator: Operator, site: Site): LipschitzRule | undefined {
  const inputs = site.inputs.map((input): Operand | undefined =>
    input && isFloat(input.type) ? { name: input.name, type: input.type, dims: input.dims } : input,
  )
  if (!inputs.some((input) => input && !input.constant)) return undefined
  try {
    return operator.lipschitz(createSite(site.node, site.opset, inputs, site.outputs))
  } catch {
    return undefined
  }
}
