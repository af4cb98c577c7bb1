/**
 * Small piecewise linear expressions by their linear pieces: a continuous function whose gradient is almost everywhere one
 * of g_1 .. g_m moves by at most max_i |g_i . dx| along a segment, because it is Lipschitz along it with those slopes.
 * @module
 */
import type { ExpressionId } from '../../ops/symbolic.ts'
import { add, addUp, type Inexact, multiply, timesUp } from './exactness.ts'
import type { ExpressionStore } from './expression-store.ts'
import { type LinearForm, linearForm } from './linear-form.ts'

/** A gradient: atom -> coefficient. */
export type Piece = ReadonlyMap<ExpressionId, Inexact>

const LIMIT = 64

const pieceOf = ({ terms }: LinearForm): Piece => new Map(terms.map(({ id, value, slack }) => [id, { value, slack }]))

/** The expressions below an order statistic or an absolute value, one level down. */
function branches(store: ExpressionStore, id: ExpressionId): readonly Piece[] | undefined {
  const kind = store.kind(id)
  if (kind === 'abs') {
    const inner = pieceOf(linearForm(store, store.argument(id, 0)))
    return [inner, scaled(inner, { value: -1, slack: 0 })]
  }
  if (kind !== 'order') return undefined
  const set = store.argument(id, 0)
  if (store.count(set) > LIMIT) return undefined
  return Array.from({ length: store.count(set) }, (_, k) => pieceOf(linearForm(store, store.argument(set, k))))
}

const scaled = (piece: Piece, factor: Inexact): Piece => new Map([...piece].map(([id, c]) => [id, multiply(c, factor)]))

function sum(a: Piece, b: Piece): Piece {
  const result = new Map(a)
  for (const [id, c] of b) result.set(id, result.has(id) ? add(result.get(id)!, c) : c)
  return result
}

/**
 * The pieces of an order statistic (of an absolute value) whose branches share atoms; undefined when they share none, so
 * that nothing is gained.
 */
export function sharedPieces(store: ExpressionStore, id: ExpressionId): readonly Piece[] | undefined {
  const inner = store.argument(id, 0)
  // Distinct atoms share nothing.
  let plain = store.kind(id) === 'order'
  for (let k = 0; plain && k < store.count(inner); k++) plain = store.kind(store.argument(inner, k)) !== 'linear'
  if (plain) return undefined
  const found = branches(store, id)
  if (!found || found.length < 2) return undefined
  const seen = new Set<ExpressionId>()
  for (const piece of found)
    for (const atom of piece.keys())
      if (seen.has(atom)) return found
      else seen.add(atom)
  return undefined
}

/**
 * The pieces of a linear combination in which an order statistic meets one of its own arguments again (max(a, b) - b):
 * every such order statistic is replaced by each of its branches. undefined when there is none or there are too many.
 */
export function linearPieces(store: ExpressionStore, id: ExpressionId): readonly Piece[] | undefined {
  if (store.count(id) > 8) return undefined
  if (!meetsItself(store, id)) return undefined
  const { terms } = linearForm(store, id)
  const expanded = terms.map((term) => branches(store, term.id))
  if (expanded.every((branch) => branch === undefined)) return undefined
  const touches = new Map<ExpressionId, number>()
  const supports = terms.map((term, k) => new Set(expanded[k]?.flatMap((piece) => [...piece.keys()]) ?? [term.id]))
  for (const support of supports) for (const atom of support) touches.set(atom, (touches.get(atom) ?? 0) + 1)
  const meets = supports.map((support) => [...support].some((atom) => touches.get(atom)! > 1))
  if (!meets.some((meeting, k) => meeting && expanded[k])) return undefined
  let pieces: Piece[] = [new Map()]
  for (const [k, term] of terms.entries()) {
    const options = (meets[k] ? expanded[k] : undefined) ?? [new Map([[term.id, { value: 1, slack: 0 }]])]
    pieces = pieces.flatMap((piece) => options.map((option) => sum(piece, scaled(option, term))))
    if (pieces.length > LIMIT) return undefined
  }
  return pieces
}

/** May an order statistic (an absolute value) of the combination share an atom with another of its terms? Cheap, no false. */
function meetsItself(store: ExpressionStore, id: ExpressionId): boolean {
  const count = store.count(id)
  for (let k = 0; k < count; k++) {
    const term = store.argument(id, k)
    const kind = store.kind(term)
    if (kind !== 'order' && kind !== 'abs') continue
    const set = kind === 'order' ? store.argument(term, 0) : term
    for (let m = 0; m < store.count(set); m++) {
      const member = store.argument(set, m)
      if (store.kind(member) === 'linear') return true
      for (let other = 0; other < count; other++) {
        if (other === k) continue
        const rival = store.argument(id, other)
        if (rival === member) return true
        const rivalKind = store.kind(rival)
        if (rivalKind !== 'order' && rivalKind !== 'abs') continue
        const rivals = rivalKind === 'order' ? store.argument(rival, 0) : rival
        for (let n = 0; n < store.count(rivals); n++) if (store.argument(rivals, n) === member) return true
      }
    }
  }
  return false
}

/** |coefficient| with its slack, rounded up. */
const magnitude = ({ value, slack }: Inexact): number => (slack === 0 ? Math.abs(value) : addUp(Math.abs(value), slack))

/**
 * Numbers d with |g . dx|^2 <= sum_k d_k dx_k^2 for every piece g: the Euclidean norm squared at every atom
 * (Cauchy-Schwarz), or |g_k| sum_j |g_j| p_j / p_k (the same with weights p, Schur's test).
 */
export function majorantOf(
  pieces: readonly Piece[],
  scale: ((id: ExpressionId) => number) | undefined,
): ReadonlyMap<ExpressionId, number> {
  const result = new Map<ExpressionId, number>()
  for (const piece of pieces) {
    let total = 0
    for (const [id, c] of piece) {
      const size = magnitude(c)
      total = addUp(total, scale ? timesUp(size, scale(id)) : timesUp(size, size))
    }
    for (const [id, c] of piece) {
      const share = scale ? weightedShare(magnitude(c), total, scale(id)) : total
      result.set(id, Math.max(result.get(id) ?? 0, share))
    }
  }
  // A uniform bound has to hold at every atom of any piece.
  if (!scale) {
    const largest = Math.max(0, ...result.values())
    for (const id of result.keys()) result.set(id, largest)
  }
  return result
}

/** size * total / scale, rounded up. */
export function weightedShare(size: number, total: number, scale: number): number {
  const product = timesUp(size, total)
  return scale === 1 || product === 0 ? product : (product / scale) * (1 + 2 ** -51) + Number.MIN_VALUE
}
