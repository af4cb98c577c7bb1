/**
 * A vector divided by its own size, y = g a / D(|a|), written out node by node: Softsign (D = c + |a|), normalisation and its
 * relatives (LayerNormalization and RMSNormalization: D = sqrt(s |a|^2 + e)), division by max(|a|, c). A quotient of two values that
 * depend on the input alone has no constant.
 *
 * Theorem. Let r = |a_S| be the norm of a group S of elements, D(r) >= c > 0 and 0 <= r D'(r) <= D(r). Then a_S / D(r) moves by at
 * most |da_S| / c: its Jacobian is symmetric, with 1 / D on what is orthogonal to a_S and (D - r D') / D^2, between 0 and 1 / D,
 * along a_S; kinks do not matter, for the function is continuous and piecewise smooth along every segment. Such D are r,
 * sqrt(s r^2 + e), and with t every t + c, s t and max(t, c). *Proof* of the condition for them: r t' <= t implies
 * s r t' <= s t + c, and r (s r / sqrt(s r^2 + e)) <= sqrt(s r^2 + e).
 *
 * An element in m groups counts m times, in quadrature. Weights that are equal but for a relative d add a term of at most
 * 2 d / c (the Jacobian's rank-one part is off by d s |a_S|^2 / D^3).
 * @module
 */

import type { FusionPool } from '../graph/fusion/expression-pool.ts'
import { type LinearForm, linearForm } from '../graph/fusion/linear-form.ts'
import { broadcastIndex } from '../ops/broadcast.ts'
import type { Operand } from '../ops/operator.ts'
import { roundUpBy } from '../ops/sum-up.ts'
import { type ExpressionId, OPAQUE } from '../ops/symbolic.ts'
import type { Network } from './network.ts'
import { UNIT_F32 } from './rounding-profile.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'

/** D of a group: D >= least, made of squares (expression -> [smallest, largest] weight). */
interface Size {
  readonly least: number
  readonly squares: ReadonlyMap<ExpressionId, readonly [number, number]>
}

interface Quotient {
  readonly numerator: Operand
  /** For every element of the numerator: the expression of its D, and the factor in front. */
  readonly divisors: ArrayLike<ExpressionId>
  readonly factors: ArrayLike<number>
  /** Error of the executed D and of what is done with it, in ulps; absolute error of D. */
  readonly ulps: number
  readonly tiny: number
}

/** Spread of weights that are meant to be equal: rounding of 1/n, no more. */
const MOST_SPREAD = 2 ** -20
/** Below this, executed divisors may be flushed. */
const LEAST_EXECUTED = 2 ** -100

/** The quotient that ends at a tensor, or nothing. */
export function ownSize(network: Network, name: string): Segment | undefined {
  const quotient = quotientAt(network, name)
  if (!quotient) return undefined
  const { numerator, divisors, factors } = quotient
  const { tensors, pool } = network.symbolic
  const top = tensors.get(numerator.name)
  if (!top) return undefined
  // Elements are told apart by their squares: a_i^2 = k_i q_i with an expression q_i of its own.
  const scaleOf = new Map<ExpressionId, readonly [number, number]>()
  const atoms = new Float64Array(top.ids.length)
  for (const [i, id] of top.ids.entries()) {
    const [term, ...others] = linearForm(pool.store, pool.multiply(id, id)).terms
    if (id === OPAQUE || !term || others.length > 0 || pool.store.kind(term.id) !== 'square') return undefined
    if (scaleOf.has(term.id)) return undefined
    scaleOf.set(term.id, [term.value - term.slack, term.value + term.slack])
    atoms[i] = term.id
  }
  const sizes = new Map<ExpressionId, Size | undefined>()
  const multiplicities = new Map<ExpressionId, number>()
  let spread = 0
  let least = Number.POSITIVE_INFINITY
  let smallest = Number.POSITIVE_INFINITY
  let power = 1
  for (const [i, atom] of atoms.entries()) {
    const id = divisors[i]!
    if (!sizes.has(id)) {
      const size = sizeAt(pool, id)
      sizes.set(id, size)
      if (!size) return undefined
      const found = spreadOf(size, scaleOf)
      if (found === undefined) return undefined
      spread = Math.max(spread, found)
      if (size.squares.size > 1 || pool.store.kind(id) === 'sqrt') power = 2
      for (const square of size.squares.keys()) multiplicities.set(square, (multiplicities.get(square) ?? 0) + 1)
    }
    const size = sizes.get(id)!
    if (!size.squares.has(atom)) return undefined
    smallest = Math.min(smallest, size.least)
    const factor = Math.abs(factors[i]!)
    if (factor > 0) least = Math.min(least, size.least / factor)
  }
  const most = Math.max(0, ...multiplicities.values())
  const upper = roundUpBy((Math.sqrt(most) * (1 + 2 * spread)) / least, 8)
  if (!(spread <= MOST_SPREAD) || !Number.isFinite(upper)) return undefined
  return {
    base: numerator.name,
    nodes: between(network.program, numerator.name, name).nodes,
    enclosure: { lower: 0, upper, method: 'own-size' },
    because: 'a vector divided by a size of its own that stays above c > 0: no slope of it exceeds 1 / c',
    ...(smallest > LEAST_EXECUTED && roundingOf(quotient, top.base !== undefined, least, power)),
  }
}

/**
 * Executed: D is off by ulps u D + tiny and every node behind it rounds once, all of it relative to |a_i| / D <= |a_i| / least. Where
 * the numerator is itself made inside a region, errors are relative to other things than a.
 */
function roundingOf(
  { ulps, tiny }: Quotient,
  isBase: boolean,
  least: number,
  power: number,
): Pick<Segment, 'rounding'> {
  const total = 1.1 * (ulps + tiny / (least * UNIT_F32))
  if (!isBase || !(total < 2 ** 16) || !(least > LEAST_EXECUTED)) return {}
  return { rounding: { inputUlps: total / least, power } }
}

/** Largest relative deviation of the weights of a group from one another, by the elements of the numerator. */
function spreadOf(
  { squares }: Size,
  scaleOf: ReadonlyMap<ExpressionId, readonly [number, number]>,
): number | undefined {
  let [low, high] = [Number.POSITIVE_INFINITY, 0]
  for (const [id, [smallest, largest]] of squares) {
    // A square that is of no element of the numerator: the divisor depends on more than what is divided.
    const scale = scaleOf.get(id)
    if (!scale || !(scale[0] > 0)) return undefined
    low = Math.min(low, smallest / scale[1])
    high = Math.max(high, largest / scale[0])
  }
  // One element alone has one weight, whatever it is.
  if (squares.size === 1) return 0
  return low > 0 ? high / low - 1 + 2 ** -48 : undefined
}

/** D as r, sqrt(s r^2 + e), s t + c or max(t, c); undefined when it is none of them. */
function sizeAt(pool: FusionPool, id: ExpressionId): Size | undefined {
  if (id === OPAQUE) return undefined
  const { store } = pool
  switch (store.kind(id)) {
    case 'abs': {
      const inner = store.argument(id, 0)
      return squaresOf(pool, linearForm(store, pool.multiply(inner, inner)), 0)
    }
    case 'sqrt': {
      const form = linearForm(store, store.argument(id, 0))
      const offset = form.offset.value - form.offset.slack
      if (!(offset >= 0)) return undefined
      return squaresOf(pool, form, Math.sqrt(offset) * (1 - 2 ** -50))
    }
    case 'linear': {
      const { offset, terms } = linearForm(store, id)
      const [term, ...others] = terms
      if (!term || others.length > 0 || !(term.value - term.slack > 0)) return undefined
      const size = sizeAt(pool, term.id)
      const least = offset.value - offset.slack
      if (!size || !(least >= 0)) return undefined
      return { ...size, least: (least + (term.value - term.slack) * size.least) * (1 - 2 ** -50) }
    }
    case 'order': {
      const set = store.argument(id, 0)
      const count = store.count(set)
      if (store.label(id) !== count || count !== 2) return undefined
      const [p, q] = [store.argument(set, 0), store.argument(set, 1)]
      const [constant, other] = store.kind(p) === 'constant' ? [p, q] : [q, p]
      if (store.kind(constant) !== 'constant') return undefined
      const size = sizeAt(pool, other)
      return size && { ...size, least: Math.max(size.least, store.value(constant) - store.slack(constant)) }
    }
    default:
      return undefined
  }
}

function squaresOf({ store }: FusionPool, { terms }: LinearForm, least: number): Size | undefined {
  const squares = new Map<ExpressionId, readonly [number, number]>()
  for (const { id, value, slack } of terms) {
    if (store.kind(id) !== 'square' || !(value - slack > 0)) return undefined
    squares.set(id, [value - slack, value + slack])
  }
  return squares.size > 0 ? { least, squares } : undefined
}

/** a / D, or a * (1 / D) with the reciprocal in any spelling. */
function quotientAt(network: Network, name: string): Quotient | undefined {
  const node = network.producers.get(name)?.node
  const [p, q] = node?.site.inputs ?? []
  if (!node || !p || !q || p.constant || q.constant || node.site.inputs.length !== 2) return undefined
  const { dims } = node.site.outputs[0]!
  const { op } = node.site.node
  const { tensors } = network.symbolic
  if (op === 'Div') {
    const bottom = tensors.get(q.name)
    if (!bottom || p.dims.join() !== dims.join()) return undefined
    const index = broadcastIndex(q.dims, dims)
    return {
      numerator: p,
      divisors: Float64Array.from(index, (k) => bottom.ids[k]!),
      factors: new Float64Array(index.length).fill(1),
      ulps: bottom.rounding.ulps + 1,
      tiny: bottom.rounding.tiny,
    }
  }
  if (op !== 'Mul') return undefined
  for (const [numerator, other] of [
    [p, q],
    [q, p],
  ] as const) {
    const found = numerator.dims.join() === dims.join() ? reciprocalsOf(network, other) : undefined
    if (!found) continue
    const index = broadcastIndex(other.dims, dims)
    return {
      numerator,
      divisors: Float64Array.from(index, (k) => found.divisors[k]!),
      factors: Float64Array.from(index, (k) => found.factors[k]!),
      ulps: found.ulps + 1,
      tiny: found.tiny,
    }
  }
  return undefined
}

/** A tensor of g / D, moved and scaled: every element a multiple of one element of a Reciprocal, or of a constant divided by D. */
function reciprocalsOf(network: Network, { name }: Operand): Omit<Quotient, 'numerator'> | undefined {
  const { tensors, pool, bases } = network.symbolic
  const tensor = tensors.get(name)
  if (!tensor) return undefined
  const { store } = pool
  const divisors = new Float64Array(tensor.ids.length)
  const factors = new Float64Array(tensor.ids.length)
  let base: number | undefined
  let found: ReturnType<typeof reciprocalAt>
  for (const [i, id] of tensor.ids.entries()) {
    if (id === OPAQUE) return undefined
    const { offset, terms } = linearForm(store, id)
    const [term, ...others] = terms
    if (!term || others.length > 0 || offset.value !== 0 || offset.slack !== 0 || store.kind(term.id) !== 'leaf')
      return undefined
    const label = store.label(term.id)
    if (base === undefined) {
      base = label
      found = reciprocalAt(network, bases[label]!)
    }
    if (label !== base || !found) return undefined
    divisors[i] = found.ids[store.value(term.id)]!
    factors[i] = (Math.abs(term.value) + term.slack) * found.factor * (1 + 2 ** -50)
  }
  if (!found) return undefined
  return { divisors, factors, ulps: found.ulps + tensor.rounding.ulps, tiny: found.tiny }
}

/** D at a node that makes c / D, element by element. */
function reciprocalAt(
  network: Network,
  name: string,
):
  | { readonly ids: ArrayLike<ExpressionId>; readonly factor: number; readonly ulps: number; readonly tiny: number }
  | undefined {
  const site = network.producers.get(name)?.node.site
  const { tensors, pool } = network.symbolic
  const of = (operand: Operand | undefined) => {
    const tensor = operand && !operand.constant ? tensors.get(operand.name) : undefined
    return tensor && operand!.dims.join() === site!.outputs[0]!.dims.join() ? tensor : undefined
  }
  const [x, y] = site?.inputs ?? []
  switch (site?.node.op) {
    case 'Reciprocal': {
      const tensor = of(x)
      return tensor && { ids: tensor.ids, factor: 1, ulps: tensor.rounding.ulps + 2, tiny: tensor.rounding.tiny }
    }
    case 'Div': {
      const [tensor, values] = [of(y), x?.constant]
      if (!tensor || !values || values.relativeError) return undefined
      const factor = values.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      return { ids: tensor.ids, factor, ulps: tensor.rounding.ulps + 1, tiny: tensor.rounding.tiny }
    }
    case 'Pow': {
      const [tensor, exponent] = [of(x), y?.constant]
      if (!tensor || exponent?.data.length !== 1 || exponent.relativeError) return undefined
      // What a power rounds is left open: the bound is about the real function, certificates end here.
      const lost = { factor: 1, ulps: Number.POSITIVE_INFINITY, tiny: Number.POSITIVE_INFINITY }
      if (exponent.data[0] === -1) return { ids: tensor.ids, ...lost }
      if (exponent.data[0] === -0.5) return { ids: tensor.ids.map((id) => pool.sqrt(id)), ...lost }
      return undefined
    }
    default:
      return undefined
  }
}
