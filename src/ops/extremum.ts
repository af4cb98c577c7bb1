/**
 * What Max and Min share: the elementwise extremum of any number of operands, with broadcasting.
 * @module
 */

import type { NdArray } from '../onnx/ir.ts'
import { broadcastShape, repetitionNorm, sumTo, zip, zipExpressions } from './broadcast.ts'
import type { GradientBuilder, Operator, Site } from './operator.ts'
import { constant, dynamicInputs, exact } from './rules.ts'
import { hypotUp, timesUp } from './sum-up.ts'

/**
 * The operands in an order that does not depend on how this node lists them, so that Max(a, b) and Min(b, a) resolve a tie
 * in opposite ways and their gradients form a permutation.
 */
function canonicalOrder(site: Site): number[] {
  const order = site.inputs.map((_, index) => index)
  const name = (index: number) => site.input(index).name
  return order.sort((i, j) => (name(i) < name(j) ? -1 : name(i) > name(j) ? 1 : i - j))
}

export function extremum(sign: 1 | -1): Omit<Operator, 'type'> {
  const pick =
    sign === 1
      ? (a: number, b: number) => (a >= b ? a : a < b ? b : Number.NaN)
      : (a: number, b: number) => (a <= b ? a : a > b ? b : Number.NaN)

  return {
    shape: (site) => [{ type: site.input(0).type, dims: broadcastShape(site) }],
    evaluate: (site, inputs) => [(inputs as readonly NdArray[]).reduce((a, b) => zip(site, a, b, pick))],
    /**
     * |max_i a_i - max_i b_i| <= max_i |a_i - b_i| <= sqrt(sum |a_i - b_i|^2), element by element; an operand that
     * broadcasts is met `multiplicity` times.
     */
    lipschitz: (site) => {
      const dynamic = dynamicInputs(site)
      const target = broadcastShape(site)
      const repeat = (index: number) => repetitionNorm(site.input(index).dims, target)
      const because = 'max and min move by no more than the operand that moves most'
      if (dynamic.length === 1) return constant(repeat(dynamic[0]), because)
      return {
        kind: 'combine',
        linear: false,
        because: `${because}, so by no more than all of them in quadrature`,
        combine: (bounds) =>
          hypotUp(bounds.map((bound, index) => (bound === undefined ? 0 : timesUp(repeat(index), bound)))),
      }
    },
    rounding: () => exact,
    rows: () => 'elementwise',
    symbolic: (site, inputs, pool) =>
      zipExpressions(site, inputs, pool, (ids) => (sign === 1 ? pool.max(ids) : pool.min(ids))),
    vjp: (site, b, [dy], wanted) => {
      if (!dy) return site.inputs.map(() => undefined)
      return site.inputs.length === 2 ? binary(site, b, dy, wanted, sign) : chain(site, b, dy, wanted, sign)
    },
  }
}

/** One comparison, the same for Max and Min: the gradient goes to one side and the other's takes the other side. */
function binary(
  site: Site,
  b: GradientBuilder,
  dy: string,
  wanted: readonly boolean[],
  sign: 1 | -1,
): readonly (string | undefined)[] {
  const [first, second] = canonicalOrder(site)
  const target = site.outputs[0].dims
  const zero = b.constant([0], [])
  const mask = b.node('GreaterOrEqual', [site.input(first).name, site.input(second).name])
  const result: (string | undefined)[] = [undefined, undefined]
  for (const index of [first, second]) {
    if (!wanted[index]) continue
    const whereTrue = (index === first) === (sign === 1)
    const masked = b.node('Where', whereTrue ? [mask, dy, zero] : [mask, zero, dy])
    result[index] = sumTo(b, masked, target, site.input(index).dims)
  }
  return result
}

/** The first operand (the last one for Min) that equals the result takes the gradient, the others get what is left. */
function chain(
  site: Site,
  b: GradientBuilder,
  dy: string,
  wanted: readonly boolean[],
  sign: 1 | -1,
): readonly (string | undefined)[] {
  const result: (string | undefined)[] = site.inputs.map(() => undefined)
  const target = site.outputs[0].dims
  const order = canonicalOrder(site)
  if (order.length === 1) return [wanted[0] ? dy : undefined]
  const zero = b.constant([0], [])
  let rest = dy
  for (const index of sign === 1 ? order : order.reverse()) {
    const { name, dims } = site.input(index)
    const hit = b.node('Equal', [name, site.outputs[0].name])
    if (wanted[index]) result[index] = sumTo(b, b.node('Where', [hit, rest, zero]), target, dims)
    rest = b.node('Where', [hit, zero, rest])
  }
  return result
}
