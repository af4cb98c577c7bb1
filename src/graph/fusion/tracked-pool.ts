/**
 * Expressions that carry the rounding of the executed network beside their exact meaning. The same `symbolic` rules build
 * both: an element is a pair of an expression (what the file means) and an error state (how far float32 may have gone from
 * it, relative to its size, when the leaves are exact). The pair is one float64: expression + 2^32 * state.
 * @module
 */
import { type ExpressionId, type ExpressionPool, OPAQUE } from '../../ops/symbolic.ts'
import { createExpressionPool, type FusionPool } from './expression-pool.ts'

/** |executed - v| <= ulps u |v| + tiny, u = 2^-24; infinite = not known relative to v. */
export interface RelativeError {
  readonly ulps: number
  readonly tiny: number
}

export interface TrackedPool extends ExpressionPool {
  readonly expressions: FusionPool
  open(base: number, count: number): Float64Array
  /**
   * Runs a node's rule while its constants carry a relative error; on request (`alignment`) also says whether every sum had
   * terms of one sign.
   */
  run<T>(
    options: { readonly constantError: number; readonly alignment?: boolean },
    build: () => T,
  ): { readonly result: T; readonly aligned: boolean }
  /** The same expression after one more rounding of the executed node. */
  rounded(id: number, ulps: number, tiny: number): number
  expressionOf(id: number): ExpressionId
  errorOf(id: number): RelativeError
}

const STATE = 2 ** 32
const MOST_STATES = 2 ** 18
const U = 2 ** -24
const EXACT: RelativeError = { ulps: 0, tiny: 0 }
const LOST: RelativeError = { ulps: Number.POSITIVE_INFINITY, tiny: Number.POSITIVE_INFINITY }
/** Covers the float64 rounding of these few sums and products of error bounds. */
const SLACK = 1 + 2 ** -40

const stateOf = (id: number): number => Math.floor(id / STATE)
const plain = (id: number): ExpressionId => (id < STATE ? id : id - stateOf(id) * STATE)
const allPlain = (ids: readonly number[]): readonly ExpressionId[] =>
  ids.every((id) => id < STATE) ? ids : ids.map(plain)

/** @param expected how many expressions there will be, roughly */
export function createTrackedPool(expected = 0): TrackedPool {
  const pool = createExpressionPool(expected)
  const states: RelativeError[] = [EXACT, LOST]
  const known = new Map<number, Map<number, number>>([
    [0, new Map([[0, 0]])],
    [LOST.ulps, new Map([[LOST.tiny, 1]])],
  ])
  /** What `rounded` made of a state last. */
  let last = { state: -1, ulps: 0, tiny: 0, after: 0 }
  let constantError = 0
  let aligned = true
  let alignment = false

  function number(error: RelativeError): number {
    // Relative errors near 1 mean nothing.
    const { ulps, tiny } = error.ulps < 2 ** 20 && Number.isFinite(error.tiny) ? error : LOST
    const row = known.get(ulps) ?? new Map<number, number>()
    const found = row.get(tiny)
    if (found !== undefined) return found
    // A pair is one float64, to which movement adds 2^50: states beyond these are not told apart.
    if (states.length >= MOST_STATES) return number(LOST)
    known.set(ulps, row.set(tiny, states.length))
    return states.push({ ulps, tiny }) - 1
  }
  const errorOf = (id: number): RelativeError => states[stateOf(id)]!
  const pair = (expression: ExpressionId, error: RelativeError): number =>
    expression === OPAQUE ? OPAQUE : error === EXACT ? expression : expression + STATE * number(error)

  /** (1 + a u)(1 + b u) - 1 in units of u. */
  const both = (a: number, b: number): number => (a + b + a * b * U) * SLACK

  function worst(ids: readonly number[]): RelativeError {
    let ulps = 0
    let tiny = 0
    for (const id of ids) {
      if (id < STATE) continue
      const error = errorOf(id)
      ulps = Math.max(ulps, error.ulps)
      tiny = Math.max(tiny, error.tiny)
    }
    return ulps === 0 && tiny === 0 ? EXACT : { ulps, tiny }
  }

  /** 1 or -1 when the sign of coefficient * expression is proved, 0 when it is not or the term is 0. */
  function signOf(id: ExpressionId, coefficient: number): number {
    const value = pool.valueOf(id)
    if (value !== undefined) return Math.sign(value * coefficient)
    return pool.isNonNegative(id) ? Math.sign(coefficient) : Number.NaN
  }

  function linear(ids: readonly number[], coefficients: readonly number[]): number {
    let exact = true
    for (let k = 0; k < ids.length; k++) {
      if (ids[k] === OPAQUE) return OPAQUE
      if (ids[k]! >= STATE) exact = false
    }
    const plainIds = exact ? ids : ids.map(plain)
    const expression = pool.linear(plainIds, coefficients)
    if (constantError === 0 && !alignment && exact) return expression
    let ulps = 0
    let tiny = 0
    let terms = 0
    let sign = 0
    let mixed = false
    for (let k = 0; k < ids.length; k++) {
      if (!exact) {
        const error = errorOf(ids[k]!)
        ulps = Math.max(ulps, error.ulps)
        tiny += Math.abs(coefficients[k]!) * error.tiny
      }
      if (coefficients[k] !== 0 && pool.valueOf(plainIds[k]!) !== 0) terms++
      const own = signOf(plainIds[k]!, coefficients[k]!)
      if (own === 0) continue
      // NaN, a sign that is not known, agrees with none.
      if (Number.isNaN(own) || (sign !== 0 && own !== sign)) mixed = true
      sign = own
    }
    if (terms > 1 && mixed) {
      aligned = false
      if (ulps > 0 || constantError > 0 || ids.some((id) => errorOf(id).tiny > 0)) return pair(expression, LOST)
    }
    if (constantError > 0) ulps = both(ulps, constantError / U)
    tiny *= (1 + constantError) * SLACK
    return pair(expression, ulps === 0 && tiny === 0 ? EXACT : { ulps, tiny })
  }

  function multiply(a: number, b: number): number {
    if (a === OPAQUE || b === OPAQUE) return OPAQUE
    if (a < STATE && b < STATE) return pool.multiply(a, b)
    const [p, q] = [plain(a), plain(b)]
    const expression = pool.multiply(p, q)
    const [left, right] = [errorOf(a), errorOf(b)]
    const ulps = both(left.ulps, right.ulps)
    const [c, d] = [pool.valueOf(p), pool.valueOf(q)]
    if (c !== undefined && d !== undefined) {
      // Two constants, off by t and s: |c| s + |d| t + s t.
      const off = (Math.abs(c) * right.tiny + Math.abs(d) * left.tiny) * (1 + ulps * U) + left.tiny * right.tiny
      return pair(expression, { ulps, tiny: off * SLACK })
    }
    if (c !== undefined || d !== undefined) {
      const factor = Math.abs((c ?? d)!)
      const [own, other] = c === undefined ? [right, left] : [left, right]
      // What a factor is off by counts as often as the other is large: relative to the product, or not known.
      const spread = own.tiny === 0 ? 0 : own.tiny / (factor * U)
      const all = both(ulps, spread)
      return pair(expression, { ulps: all, tiny: factor * other.tiny * (1 + all * U) * SLACK })
    }
    const tiny = Math.max(left.tiny, right.tiny)
    if (tiny === 0) return pair(expression, { ulps, tiny })
    // sign(e) |e|: a wrong sign needs |e| <= tiny (1 + ..), and then the result is off by at most 2 |e| + tiny. A product with a
    // sign is only ever understood when the other factor is e or |e|.
    if ([p, q].some((id) => pool.store.kind(id) === 'sign')) return pair(expression, { ulps, tiny: 4 * tiny })
    // (v (1 + d) + t)^2 = v^2 (1 + d)^2 + 2 v (1 + d) t + t^2, and 2 |v| t <= 2^-34 v^2 + 2^34 t^2.
    return pair(expression, { ulps: both(ulps, 2 ** -9), tiny: tiny * tiny * 2 ** 36 })
  }

  /** |sqrt(v (1 + d) + t) - sqrt(v)| <= sqrt(v) d / (1 + sqrt(1 - d)) + sqrt(t). */
  function sqrt(id: number): number {
    if (id === OPAQUE) return OPAQUE
    const { ulps, tiny } = errorOf(id)
    const expression = pool.sqrt(plain(id))
    if (ulps === 0 && tiny === 0) return expression
    return pair(expression, { ulps: (ulps / 2) * (1 + ulps * U) * SLACK, tiny: Math.sqrt(tiny) * SLACK })
  }

  /** The error of what is decided: of a constant that may be on the other side of 0 nothing is known, of one that is not all. */
  function decided(id: number): RelativeError {
    const error = errorOf(id)
    const value = pool.valueOf(plain(id))
    if (value === undefined || error === EXACT) return error
    return Math.abs(value) * (1 - error.ulps * U) > error.tiny * SLACK ? EXACT : LOST
  }

  // t -> t +- (ulps u |t| + tiny) is increasing, so it commutes with order statistics.
  function order(ids: readonly number[], pick: (plainIds: readonly ExpressionId[]) => ExpressionId): number {
    let exact = true
    for (let k = 0; k < ids.length; k++) {
      if (ids[k] === OPAQUE) return OPAQUE
      if (ids[k]! >= STATE) exact = false
    }
    return exact ? pick(ids) : pair(pick(ids.map(plain)), worst(ids))
  }

  return {
    expressions: pool,
    constant(value) {
      const expression = pool.constant(value)
      return constantError === 0 ? expression : pair(expression, { ulps: (constantError / U) * SLACK, tiny: 0 })
    },
    valueOf: (id) => (id === OPAQUE ? undefined : pool.valueOf(plain(id))),
    linear,
    max: (ids) => order(ids, pool.max),
    min: (ids) => order(ids, pool.min),
    sort(ids) {
      if (ids.includes(OPAQUE)) return ids.map(() => OPAQUE)
      const error = worst(ids)
      return pool.sort(allPlain(ids)).map((id) => pair(id, error))
    },
    abs: (id) => (id === OPAQUE ? OPAQUE : pair(pool.abs(plain(id)), worst([id]))),
    sign: (id) => (id === OPAQUE ? OPAQUE : pair(pool.sign(plain(id)), decided(id))),
    multiply,
    step: (id, strict) => (id === OPAQUE ? OPAQUE : pair(pool.step(plain(id), strict), decided(id))),
    choose(condition, a, b) {
      if (condition === OPAQUE || a === OPAQUE || b === OPAQUE) return OPAQUE
      const found = pool.decide(plain(condition), plain(a), plain(b))
      if (!found) return OPAQUE
      const { ulps, tiny } = errorOf(condition)
      const own = worst([a, b])
      if (!Number.isFinite(ulps)) return pair(found.id, LOST)
      if (tiny === 0 || found.slope === 0) return pair(found.id, own)
      // A relative error keeps the sign of e; the wrong side is taken where |e| <= 2 tiny, where the two are |slope e| apart.
      return pair(found.id, { ulps: own.ulps, tiny: (own.tiny + 4 * Math.abs(found.slope) * tiny) * SLACK })
    },
    sqrt,
    open: (base, count) => pool.open(base, count),
    run(options, build) {
      constantError = options.constantError
      alignment = options.alignment === true
      aligned = true
      try {
        const result = pool.withRelativeError(constantError, build)
        return { result, aligned }
      } finally {
        constantError = 0
      }
    },
    rounded(id, ulps, tiny) {
      if (id === OPAQUE) return OPAQUE
      const state = stateOf(id)
      // Elements of a tensor mostly share one state.
      if (state !== last.state || ulps !== last.ulps || tiny !== last.tiny) {
        const before = states[state]!
        const grown = tiny + before.tiny * (1 + ulps * U)
        last = { state, ulps, tiny, after: number({ ulps: both(before.ulps, ulps), tiny: grown * SLACK }) }
      }
      return id + STATE * (last.after - state)
    },
    expressionOf: (id) => (id === OPAQUE ? OPAQUE : plain(id)),
    errorOf,
  }
}
