/**
 * The expression pool of graph/fusion: builds expressions and simplifies them so that every spelling of max, min, sorting
 * and L2 pooling ends as the same expression. Each simplification is an identity over the reals; coefficients carry the
 * rounding of our own arithmetic (exactness.ts), and a rewrite that needs equality of coefficients asks for exact ones.
 * @module
 */
import { type ExpressionId, type ExpressionPool, OPAQUE } from '../../ops/symbolic.ts'
import { coefficient, EPSILON, type Inexact, multiply as times } from './exactness.ts'
import { createExpressionStore, type ExpressionStore } from './expression-store.ts'
import { combine, type LinearForm, linearForm } from './linear-form.ts'
import { createNonNegativity, isQuadratic } from './non-negative.ts'
import { difference, proportion } from './pair.ts'
import { shrinkage } from './shrinkage.ts'

export interface FusionPool extends ExpressionPool {
  readonly store: ExpressionStore
  /** Proved non-negative for every value of the leaves. */
  isNonNegative(id: ExpressionId): boolean
  /** Opens the elements of a base tensor as leaves; returns their numbers. */
  open(base: number, count: number): Float64Array
  /** `choose` with the factor s in a - b = s e, where the condition is e > 0; undefined where it is not understood. */
  decide(condition: ExpressionId, a: ExpressionId, b: ExpressionId): Decision | undefined
  /** Runs `build` while constants and coefficients carry this relative error (constants that the file computes in floats). */
  withRelativeError<T>(relativeError: number, build: () => T): T
}

export interface Decision {
  readonly id: ExpressionId
  readonly slope: number
}

interface Rescaling {
  readonly inner: readonly ExpressionId[]
  readonly restore: (direct: ExpressionId, opposite: ExpressionId) => ExpressionId
}

const exactly = (value: number): Inexact => ({ value, slack: 0 })

/** @param expected how many expressions there will be, roughly */
export function createExpressionPool(expected = 0): FusionPool {
  const store = createExpressionStore(expected)
  const isNonNegative = createNonNegativity(store)
  let relativeError = 0
  const ZERO = exactly(0)

  const literal = ({ value, slack }: Inexact): ExpressionId =>
    Number.isFinite(value) && Number.isFinite(slack)
      ? store.intern('constant', [], 0, { value: value + 0, slack })
      : OPAQUE
  // Number 0 is the constant 0: what Pad writes into a tensor of numbers.
  const zero = literal(ZERO)

  function fromForm(form: LinearForm): ExpressionId {
    if (form.terms.length === 0) return literal(form.offset)
    const [first] = form.terms
    const { offset } = form
    if (form.terms.length === 1 && first!.value === 1 && first!.slack === 0 && offset.value === 0 && offset.slack === 0)
      return first!.id
    const ids: ExpressionId[] = []
    // NaN and infinity anywhere make the sum NaN or infinite.
    let size = Math.abs(offset.value) + offset.slack
    for (const term of form.terms) {
      ids.push(term.id)
      size += Math.abs(term.value) + term.slack
    }
    return Number.isFinite(size) ? store.intern('linear', ids, 0, offset, form.terms) : OPAQUE
  }

  function linear(ids: readonly ExpressionId[], coefficients: readonly number[]): ExpressionId {
    for (let k = 0; k < ids.length; k++) if (ids[k] === OPAQUE) return OPAQUE
    const plain = ofAtoms(ids, coefficients)
    if (plain !== undefined) return plain
    return fromForm(
      combine(
        store,
        ids,
        coefficients.map((value) => coefficient(value, relativeError)),
        extreme,
      ),
    )
  }

  /** Distinct leaves and squares in ascending order with coefficients of the file: a form as it stands. */
  function ofAtoms(ids: readonly ExpressionId[], coefficients: readonly number[]): ExpressionId | undefined {
    if (ids.length < 2 || relativeError !== 0) return undefined
    for (let k = 0; k < ids.length; k++) {
      const kind = store.kind(ids[k]!)
      if ((kind !== 'leaf' && kind !== 'square') || (k > 0 && ids[k]! <= ids[k - 1]!) || coefficients[k] === 0)
        return undefined
    }
    return fromForm({ offset: ZERO, terms: ids.map((id, k) => ({ id, ...coefficient(coefficients[k]!, 0) })) })
  }

  /** Linear combination with coefficients that are exact or carry their own slack. */
  const weighted = (ids: readonly ExpressionId[], coefficients: readonly Inexact[]): ExpressionId =>
    ids.some((id) => id === OPAQUE) ? OPAQUE : fromForm(combine(store, ids, coefficients, extreme))

  const negate = (id: ExpressionId): ExpressionId => weighted([id], [exactly(-1)])
  const order = (set: readonly ExpressionId[], rank: number): ExpressionId =>
    store.internUnary('order', store.intern('set', set, 0, ZERO), rank)

  /** Sorted, flattened, without repetition; constants merged into one. */
  function members(ids: readonly ExpressionId[], largest: boolean): ExpressionId[] {
    const [a, b] = ids as [ExpressionId, ExpressionId]
    const plain = (id: ExpressionId): boolean => store.kind(id) === 'leaf'
    if (ids.length === 2 && plain(a) && plain(b)) return a < b ? [a, b] : a > b ? [b, a] : [a]
    const found = new Set<ExpressionId>()
    let constant: Inexact | undefined
    const visit = (id: ExpressionId): void => {
      if (store.kind(id) === 'constant') {
        const value = store.value(id)
        const best =
          constant === undefined || (largest ? value > constant.value : value < constant.value) ? value : constant.value
        constant = { value: best, slack: Math.max(store.slack(id), constant?.slack ?? 0) }
      } else if (store.kind(id) === 'order' && isExtreme(id, largest)) {
        const set = store.argument(id, 0)
        for (let k = 0; k < store.count(set); k++) visit(store.argument(set, k))
      } else found.add(id)
    }
    ids.forEach(visit)
    const others = [...found].filter((id) => !isAbsorbed(id, found, largest))
    if (constant === undefined) return others.sort((a, b) => a - b)
    const below = constant.slack === 0 && constant.value <= 0
    // max(Q, c) = Q where Q >= 0 >= c; min of non-negative expressions and c <= 0 is c.
    if (largest && below && others.some((id) => isNonNegative(id))) return others.sort((a, b) => a - b)
    if (!largest && below && others.every((id) => isNonNegative(id))) return [literal(constant)]
    return [literal(constant), ...others].sort((a, b) => a - b)
  }

  /** max(a, min(a, c)) = a and min(a, max(a, c)) = a. */
  function isAbsorbed(id: ExpressionId, among: ReadonlySet<ExpressionId>, largest: boolean): boolean {
    if (store.kind(id) !== 'order' || !isExtreme(id, !largest)) return false
    const set = store.argument(id, 0)
    for (let k = 0; k < store.count(set); k++) if (among.has(store.argument(set, k))) return true
    return false
  }

  function isExtreme(id: ExpressionId, largest: boolean): boolean {
    const size = store.count(store.argument(id, 0))
    return store.label(id) === (largest ? size : 1)
  }

  /** max (largest) or min of at least one expression. */
  function extreme(ids: readonly ExpressionId[], largest: boolean): ExpressionId {
    if (ids.length === 0) return OPAQUE
    for (let k = 0; k < ids.length; k++) if (ids[k] === OPAQUE) return OPAQUE
    if (ids.length === 2) {
      const [a, b] = ids as [ExpressionId, ExpressionId]
      // Two leaves: nothing to simplify, and most of what there is.
      if (a !== b && store.kind(a) === 'leaf' && store.kind(b) === 'leaf')
        return store.internUnary('order', a < b ? store.internPair(a, b) : store.internPair(b, a), largest ? 2 : 1)
    }
    const set = members(ids, largest)
    if (set.length === 1) return set[0]!
    const pair = pairOf(set, largest)
    if (pair !== undefined) return pair
    const scaled = commonScale(set)
    if (scaled) return scaled.restore(extreme(scaled.inner, largest), extreme(scaled.inner, !largest))
    return order(set, largest ? set.length : 1)
  }

  /**
   * max(A, B) = B + c (max(p, q) - q) and min(A, B) = B + c (min(p, q) - q) where A - B = c (p - q), c > 0; |p| where the
   * two are p and -p. So relu(a - b), max(-a, -b) and max(a + d, b + d) all end in max(a, b).
   */
  function pairOf(set: readonly ExpressionId[], largest: boolean): ExpressionId | undefined {
    if (set.length !== 2) return undefined
    const [a, b] = set as [ExpressionId, ExpressionId]
    if (store.kind(a) !== 'linear' && store.kind(b) !== 'linear') return undefined
    if (weighted([a, b], [exactly(1), exactly(1)]) === zero) return largest ? abs(a) : negate(abs(a))
    const gap = difference(store, a, b)
    if (!gap) return undefined
    const [p, q] = gap.scale > 0 ? [gap.p, gap.q] : [gap.q, gap.p]
    const c = Math.abs(gap.scale)
    // A is p up to scale and shift: nothing to simplify, only to be kept as an order statistic.
    if (c === 1 && ((a === p && b === q) || (a === q && b === p))) return undefined
    const inner = extreme([p, q], largest)
    return weighted([b, inner, q], [exactly(1), exactly(c), exactly(-c)])
  }

  /**
   * c x_k + d with one exact c and d for all: order statistics are c times those of x_k, from the other end when c < 0.
   * Constants may be among them where they divide exactly: max(0, -x) = -min(0, x), so that relu(x) and relu(-x) are the two
   * order statistics of one pair.
   */
  function commonScale(set: readonly ExpressionId[]): Rescaling | undefined {
    const rest = set.filter((id) => store.kind(id) !== 'constant')
    if (rest.length === 0 || !rest.every((id) => store.kind(id) === 'linear' && store.count(id) === 1)) return undefined
    const forms = rest.map((id) => linearForm(store, id))
    const { offset, terms } = forms[0]!
    const scale = terms[0]!
    if (scale.slack !== 0 || offset.slack !== 0) return undefined
    const same = (a: Inexact, b: Inexact): boolean => a.value === b.value && a.slack === b.slack
    if (!forms.every((form) => same(form.terms[0]!, scale) && same(form.offset, offset))) return undefined
    const constants = set.filter((id) => store.kind(id) === 'constant')
    const divides = (id: ExpressionId): boolean =>
      store.slack(id) === 0 && (store.value(id) === 0 || Math.abs(scale.value) === 1)
    if (constants.length > 0 && (offset.value !== 0 || !constants.every(divides))) return undefined
    return {
      inner: [
        ...constants.map((id) => literal(exactly(store.value(id) / scale.value))),
        ...forms.map((form) => form.terms[0]!.id),
      ],
      restore: (direct, opposite) =>
        weighted([scale.value > 0 ? direct : opposite, literal(offset)], [scale, exactly(1)]),
    }
  }

  function sort(ids: readonly ExpressionId[]): readonly ExpressionId[] {
    if (ids.some((id) => id === OPAQUE)) return ids.map(() => OPAQUE)
    const set = [...ids].sort((a, b) => a - b)
    const last = set.length - 1
    const scaled = last > 1 ? commonScale(set) : undefined
    const inner = scaled && sort(scaled.inner)
    return set.map((_, k) => {
      if (k === 0 || k === last) return extreme(set, k === last)
      return scaled ? scaled.restore(inner![k]!, inner![last - k]!) : order(set, k + 1)
    })
  }

  function abs(id: ExpressionId): ExpressionId {
    if (id === OPAQUE) return OPAQUE
    if (store.kind(id) === 'constant') return literal({ value: Math.abs(store.value(id)), slack: store.slack(id) })
    if (isNonNegative(id)) return id
    const { terms, offset } = linearForm(store, id)
    const [first, second] = terms as [(typeof terms)[0], (typeof terms)[0]]
    if (store.kind(id) === 'linear' && offset.value === 0 && offset.slack === 0) {
      if (terms.length === 1) return weighted([abs(first.id)], [{ value: Math.abs(first.value), slack: first.slack }])
      // |p - q| = max(p, q) - min(p, q).
      if (terms.length === 2 && first.value === -second.value && first.slack === 0 && second.slack === 0) {
        const pair = [first.id, second.id]
        const scale = Math.abs(first.value)
        return weighted([extreme(pair, true), extreme(pair, false)], [exactly(scale), exactly(-scale)])
      }
    }
    const opposite = store.kind(id) === 'linear' ? negate(id) : id
    if (isNonNegative(opposite)) return opposite
    return store.intern('abs', [first.value < 0 ? opposite : id], 0, ZERO)
  }

  function sign(id: ExpressionId): ExpressionId {
    if (id === OPAQUE) return OPAQUE
    if (store.kind(id) === 'constant')
      return store.slack(id) === 0 ? literal(exactly(Math.sign(store.value(id)))) : OPAQUE
    const { terms, offset } = linearForm(store, id)
    if (terms.length === 1 && offset.value === 0 && offset.slack === 0 && terms[0]!.slack < Math.abs(terms[0]!.value)) {
      const inner = store.intern('sign', [terms[0]!.id], 0, ZERO)
      return terms[0]!.value > 0 ? inner : negate(inner)
    }
    return store.intern('sign', [id], 0, ZERO)
  }

  /** sign(e) |e| = e and sign(e) e = |e|; undefined when neither. */
  function signed(a: ExpressionId, b: ExpressionId): ExpressionId | undefined {
    if (store.kind(a) !== 'sign') return undefined
    const { terms, offset } = linearForm(store, b)
    const single = terms.length === 1 && offset.value === 0 && offset.slack === 0
    const [atom, scale] = single ? [terms[0]!.id, terms[0]!] : [b, exactly(1)]
    const inner = store.argument(a, 0)
    if (inner === atom || inner === b) return weighted([abs(inner)], [inner === b ? exactly(1) : scale])
    return abs(inner) === atom ? weighted([inner], [scale]) : undefined
  }

  function multiply(a: ExpressionId, b: ExpressionId): ExpressionId {
    if (a === OPAQUE || b === OPAQUE) return OPAQUE
    const kind = store.kind(a)
    if (a === b && (kind === 'leaf' || kind === 'order')) return store.internUnary('square', a, 0)
    if (kind === 'constant') return weighted([b], [{ value: store.value(a), slack: store.slack(a) }])
    if (store.kind(b) === 'constant') return multiply(b, a)
    const result = signed(a, b) ?? signed(b, a)
    if (result !== undefined) return result
    if (a === b) return square(a)
    const [p, q] = [linearForm(store, a), linearForm(store, b)]
    const proportional = [p, q].every(
      (form) => form.terms.length === 1 && form.offset.value === 0 && form.offset.slack === 0,
    )
    // |e| |e| = e^2 as well: the square does not see the sign.
    if (!proportional) return OPAQUE
    const [x, y] = [p.terms[0]!, q.terms[0]!]
    if (x.id === a && y.id === b) return OPAQUE
    return weighted([multiply(x.id, y.id)], [times(x, y)])
  }

  function square(id: ExpressionId): ExpressionId {
    const kind = store.kind(id)
    if (kind === 'abs') return square(store.argument(id, 0))
    if (kind === 'sqrt') return store.argument(id, 0)
    if (kind === 'sign') return OPAQUE
    const { terms, offset } = linearForm(store, id)
    if (kind === 'linear' && terms.length === 1 && offset.value === 0 && offset.slack === 0)
      return weighted([square(terms[0]!.id)], [times(terms[0]!, terms[0]!)])
    const canonical = kind === 'linear' && terms[0]!.value < 0 ? negate(id) : id
    return store.intern('square', [canonical], 0, ZERO)
  }

  // Strict and other comparisons are two expressions: their difference is 1 at 0, which images are full of.
  function step(id: ExpressionId, strict: boolean): ExpressionId {
    if (id === OPAQUE) return OPAQUE
    if (store.kind(id) !== 'constant') return store.intern('step', [id], strict ? 1 : 0, ZERO)
    return Math.abs(store.value(id)) > store.slack(id) ? literal(exactly(store.value(id) > 0 ? 1 : 0)) : OPAQUE
  }

  /** e > 0 ? a : b = b + s max(e, 0) where a - b = s e exactly: at e = 0 the two are equal. */
  function decide(condition: ExpressionId, a: ExpressionId, b: ExpressionId): Decision | undefined {
    if (condition === OPAQUE || a === OPAQUE || b === OPAQUE) return undefined
    if (a === b) return { id: a, slope: 0 }
    if (store.kind(condition) === 'constant') return { id: store.value(condition) !== 0 ? a : b, slope: 0 }
    if (store.kind(condition) !== 'step') return undefined
    const e = store.argument(condition, 0)
    const gap = weighted([a, b], [exactly(1), exactly(-1)])
    if (gap === OPAQUE) return undefined
    const slope = proportion(store, gap, e)
    if (slope === undefined) return shrink(e, gap, b)
    return { id: weighted([b, extreme([zero, e], true)], [exactly(1), exactly(slope)]), slope }
  }

  /** |t| > c ? b + s (t - c sign t) : b = b + s (t - the middle one of -c, t, c). */
  function shrink(e: ExpressionId, gap: ExpressionId, b: ExpressionId): Decision | undefined {
    const found = shrinkage(store, e, gap)
    if (!found) return undefined
    const { argument, threshold, scale, rate } = found
    const middle = sort([argument, literal(exactly(-threshold)), literal(exactly(threshold))])[1]!
    const id = weighted([b, argument, middle], [exactly(1), exactly(scale), exactly(-scale)])
    return { id, slope: Math.abs(scale / rate) }
  }

  function sqrt(id: ExpressionId): ExpressionId {
    if (id === OPAQUE) return OPAQUE
    const kind = store.kind(id)
    if (kind === 'constant') {
      const value = Math.sqrt(store.value(id))
      if (!(store.value(id) - store.slack(id) >= 0)) return OPAQUE
      const exact = store.slack(id) === 0 && Math.fround(value) === value && value * value === store.value(id)
      return literal({ value, slack: exact ? 0 : value * EPSILON + Math.sqrt(store.slack(id)) })
    }
    if (kind === 'square') return abs(store.argument(id, 0))
    if (isQuadratic(store, id)) return store.internUnary('sqrt', id, 0)
    // The root is monotone: it may be taken inside an order statistic (Sqrt(Max(Q, eps))).
    if (kind === 'order') {
      const set = store.argument(id, 0)
      const roots = Array.from({ length: store.count(set) }, (_, k) => sqrt(store.argument(set, k)))
      return roots.includes(OPAQUE) ? OPAQUE : sort(roots)[store.label(id) - 1]!
    }
    return OPAQUE
  }

  return {
    store,
    isNonNegative,
    constant: (value) => literal(coefficient(value, relativeError)),
    valueOf: (id) => (id !== OPAQUE && store.kind(id) === 'constant' ? store.value(id) : undefined),
    linear,
    max: (ids) => extreme(ids, true),
    min: (ids) => extreme(ids, false),
    sort,
    abs,
    multiply,
    sign,
    step,
    choose: (condition, a, b) => decide(condition, a, b)?.id ?? OPAQUE,
    decide,
    sqrt,
    open(base, count) {
      const first = store.leaves(base, count)
      const ids = new Float64Array(count)
      for (let k = 0; k < count; k++) ids[k] = first + k
      return ids
    },
    withRelativeError(error, build) {
      const before = relativeError
      relativeError = error
      try {
        return build()
      } finally {
        relativeError = before
      }
    },
  }
}
