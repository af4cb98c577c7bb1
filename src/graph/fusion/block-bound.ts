/**
 * Lipschitz constants of a tensor of expressions.
 *
 * Theorem. Let the outputs be partitioned into blocks B, and let |dy_B|^2 <= sum_k d_{B,k} dx_k^2 for every block whenever
 * its arguments x_k move by dx_k. Then |dy|^2 <= sum_k D_k dx_k^2 with D_k = sum_B d_{B,k}. The arguments are expressions
 * again, so the weights D are handed down, highest expressions first, until only leaves are left: with l_b^2 the largest
 * weight of a leaf of base b, |dy|^2 <= sum_b l_b^2 |dx_b|^2.
 *
 * The blocks, for weights w_i on the outputs:
 * - order statistics of one set, each rank once: d = max w at every member, by the rearrangement inequality
 *   (Hardy, Littlewood, Polya, Inequalities, 10.2): sorting is 1-Lipschitz;
 * - a combination c . x: w |c|^2 (Cauchy-Schwarz) or w |c_k| |c|_1 (Schur's test), or by pieces (pieces.ts);
 * - |x|: w, by the triangle inequality; sqrt(sum c_k x_k^2 + e): w c_k, it is the norm of the vector (sqrt(c_k) x_k, sqrt(e));
 * - a square or a sign on its own has no constant.
 * @module
 */
import { type ExpressionId, OPAQUE } from '../../ops/symbolic.ts'
import { addUp, sqrtUp, timesUp } from './exactness.ts'
import type { ExpressionStore } from './expression-store.ts'
import { linearPieces, majorantOf, type Piece, sharedPieces, weightedShare } from './pieces.ts'

/** base -> l_b with |dy|^2 <= sum_b l_b^2 |dx_b|^2. Absent bases do not matter. */
export type BlockBound = ReadonlyMap<number, number>

/**
 * Constants of the map from base tensors to the expressions `ids`, rounded up.
 * @param scaleOf how far each base moves, relative to the others (its own Lipschitz constant): any positive numbers are
 *   sound, good ones make sums of branches as tight as the triangle inequality
 * @returns undefined when an expression is opaque or has no constant
 */
export function boundBlocks(
  store: ExpressionStore,
  ids: ArrayLike<ExpressionId>,
  scaleOf: (base: number) => number = () => 1,
): BlockBound | undefined {
  const scale = createScale(store, scaleOf)
  const first = propagate(store, ids, { scale, pieces: true })
  // Where nothing was added up, the other ways say the same.
  if (!first?.sums) return first?.bound
  const others = [{ scale, pieces: false }, { pieces: true }].flatMap(
    (ways) => propagate(store, ids, ways)?.bound ?? [],
  )
  const total = (bound: BlockBound): number =>
    [...bound].reduce((sum, [base, constant]) => sum + (constant * scaleOf(base)) ** 2, 0)
  return others.reduce((a, b) => (total(b) < total(a) ? b : a), first.bound)
}

/** How sums are majorised: any choice is sound. */
interface Ways {
  /** Schur's test with these weights; Cauchy-Schwarz without. */
  readonly scale?: (id: ExpressionId) => number
  /** By pieces where an order statistic meets its own arguments. */
  readonly pieces: boolean
}

/** How far an expression moves at most, as a rough positive number: the largest scale of a base below it. */
function createScale(store: ExpressionStore, scaleOf: (base: number) => number): (id: ExpressionId) => number {
  let known = new Float64Array(0)
  return function scale(id): number {
    if (known.length === 0) known = new Float64Array(store.size())
    if (known[id]! > 0) return known[id]!
    let largest = 0
    if (store.kind(id) === 'leaf') largest = scaleOf(store.label(id))
    for (let k = 0; k < store.count(id); k++) {
      const argument = store.argument(id, k)
      if (store.kind(argument) !== 'constant') largest = Math.max(largest, scale(argument))
    }
    known[id] = largest > 0 && Number.isFinite(largest) ? largest : 1
    return known[id]!
  }
}

function propagate(
  store: ExpressionStore,
  ids: ArrayLike<ExpressionId>,
  { scale, pieces: byPieces }: Ways,
): { readonly bound: BlockBound; readonly sums: boolean } | undefined {
  let sums = false
  let lost = false
  const weights = takeRoom(store)
  const levels: ExpressionId[][] = []
  const give = (id: ExpressionId, weight: number): void => {
    if (weight === 0) return
    const before = weights[id]!
    if (before !== 0) {
      weights[id] = addUp(before, weight)
      return
    }
    const kind = store.kind(id)
    if (kind === 'constant') return
    // On their own these have no constant, whatever else there is.
    if (kind === 'square' || kind === 'sign' || kind === 'step') lost = true
    weights[id] = weight
    ;(levels[store.height(id)] ??= []).push(id)
  }
  const giveAll = (pieces: readonly Piece[], weight: number): void => {
    sums = true
    for (const [id, share] of majorantOf(pieces, scale)) give(id, timesUp(weight, share))
  }

  /** |coefficient k|, rounded up. */
  const sizeOf = (id: ExpressionId, k: number): number => {
    const slack = store.coefficientSlack(id, k)
    const size = Math.abs(store.coefficient(id, k))
    return slack === 0 ? size : addUp(size, slack)
  }

  function linear(id: ExpressionId, weight: number): void {
    const count = store.count(id)
    if (count === 1) {
      const size = sizeOf(id, 0)
      give(store.argument(id, 0), timesUp(weight, timesUp(size, size)))
      return
    }
    const pieces = byPieces ? linearPieces(store, id) : undefined
    if (pieces) {
      giveAll(pieces, weight)
      return
    }
    // One piece: |c|^2 for every term (Cauchy-Schwarz), or |c_k| sum_j |c_j| p_j / p_k (Schur's test with weights p).
    sums = true
    let total = 0
    for (let k = 0; k < count; k++) {
      const size = sizeOf(id, k)
      total = addUp(total, timesUp(size, scale ? scale(store.argument(id, k)) : size))
    }
    for (let k = 0; k < count; k++) {
      const argument = store.argument(id, k)
      give(argument, timesUp(weight, scale ? weightedShare(sizeOf(id, k), total, scale(argument)) : total))
    }
  }

  function sqrt(id: ExpressionId, weight: number): void {
    const squares = store.argument(id, 0)
    if (store.kind(squares) === 'square') give(store.argument(squares, 0), weight)
    else
      for (let k = 0; k < store.count(squares); k++)
        give(store.argument(store.argument(squares, k), 0), timesUp(weight, sizeOf(squares, k)))
  }

  /** All order statistics of one height, set by set; the weight of a set is the largest of its order statistics. */
  function sets(orders: readonly ExpressionId[]): void {
    const firsts: ExpressionId[] = []
    const several = new Set<ExpressionId>()
    for (const id of orders) {
      const set = store.argument(id, 0)
      if (weights[set] === 0) firsts.push(id)
      else several.add(set)
      weights[set] = Math.max(weights[set]!, weights[id]!)
    }
    for (const id of firsts) {
      const set = store.argument(id, 0)
      const shared = several.has(set) ? undefined : sharedPieces(store, id)
      if (shared) giveAll(shared, weights[set]!)
      else for (let k = 0; k < store.count(set); k++) give(store.argument(set, k), weights[set]!)
    }
  }

  const result = new Map<number, number>()
  function descend(): void {
    for (let height = levels.length - 1; height >= 0 && !lost; height--) {
      const orders: ExpressionId[] = []
      for (const id of levels[height] ?? []) {
        const weight = weights[id]!
        const kind = store.kind(id)
        if (kind === 'leaf') {
          const base = store.label(id)
          if (!(result.get(base)! >= weight)) result.set(base, weight)
        } else if (kind === 'linear') linear(id, weight)
        else if (kind === 'order') orders.push(id)
        else if (kind === 'abs') give(store.argument(id, 0), weight)
        else if (kind === 'sqrt') sqrt(id, weight)
        else lost = true
        if (lost) return
      }
      sets(orders)
    }
  }
  for (let i = 0; i < ids.length && !lost; i++) {
    if (ids[i] === OPAQUE) lost = true
    else give(ids[i]!, 1)
  }
  descend()
  // The room is handed back as it was found.
  for (const level of levels)
    for (const id of level ?? []) {
      weights[id] = 0
      if (store.kind(id) === 'order') weights[store.argument(id, 0)] = 0
    }
  rooms.set(store, weights)
  if (lost) return undefined
  for (const [base, square] of result) result.set(base, sqrtUp(square))
  return { bound: result, sums }
}

/** Zeros, one an expression, that no question is using: most questions touch few of them. */
const rooms = new WeakMap<ExpressionStore, Float64Array>()

function takeRoom(store: ExpressionStore): Float64Array {
  const found = rooms.get(store)
  // Scales may ask a question of their own in the middle of one.
  rooms.delete(store)
  return found && found.length >= store.size() ? found : new Float64Array(store.size())
}
