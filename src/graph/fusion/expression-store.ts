/**
 * Where expressions live: growing typed arrays and a hash table, so that equal expressions have equal numbers and a tensor
 * of 12,544 elements costs milliseconds.
 * @module
 */
import type { ExpressionId } from '../../ops/symbolic.ts'
import type { Inexact } from './exactness.ts'

/**
 * - leaf: element `value` of base tensor `label`
 * - constant: `value`
 * - linear: value + sum coefficient_k argument_k; arguments distinct, never linear or constant
 * - set: a multiset of expressions, sorted by number; only ever the argument of an order statistic
 * - order: the `label`-th smallest (from 1) of its one argument, a set
 * - abs, square, sign: of one argument; step: whether it is positive (`label` 1) or not negative (`label` 0)
 * - sqrt: of one argument, a square or a combination of squares with positive coefficients and no negative offset
 */
export type Kind = 'leaf' | 'constant' | 'linear' | 'set' | 'order' | 'abs' | 'square' | 'sqrt' | 'sign' | 'step'

/** Rooms at first: most stores hold the expressions of one node. */
const FIRST = 2 ** 9
const MOST_EXPECTED = 2 ** 20

const KINDS: readonly Kind[] = ['leaf', 'constant', 'linear', 'set', 'order', 'abs', 'square', 'sqrt', 'sign', 'step']
const CODE = Object.fromEntries(KINDS.map((kind, code) => [kind, code])) as Readonly<Record<Kind, number>>

export interface Term extends Inexact {
  readonly id: ExpressionId
}

export interface ExpressionStore {
  readonly size: () => number
  kind(id: ExpressionId): Kind
  /** Value of a constant, offset of a linear expression, index of a leaf. */
  value(id: ExpressionId): number
  /** Bound on the error of `value`. */
  slack(id: ExpressionId): number
  /** Rank of an order statistic, base of a leaf. */
  label(id: ExpressionId): number
  count(id: ExpressionId): number
  argument(id: ExpressionId, k: number): ExpressionId
  /** Coefficient of argument k of a linear expression, and the bound on its error. */
  coefficient(id: ExpressionId, k: number): number
  coefficientSlack(id: ExpressionId, k: number): number
  /** 0 for leaves and constants, 1 + that of the highest argument otherwise. */
  height(id: ExpressionId): number
  /** Number of leaves below, with repetition, at most 2^31. */
  weight(id: ExpressionId): number
  /** The number of the expression, new or known. */
  intern(
    kind: Kind,
    args: readonly ExpressionId[],
    label: number,
    value: Inexact,
    terms?: readonly Term[],
  ): ExpressionId
  /** The same for an expression of one argument (two, in ascending order: a set) and no value. */
  internUnary(kind: Kind, argument: ExpressionId, label: number): ExpressionId
  internPair(first: ExpressionId, second: ExpressionId): ExpressionId
  /** `count` fresh leaves with consecutive numbers; returns the first. */
  leaves(base: number, count: number): ExpressionId
}

const grown = <T extends Uint8Array | Int32Array | Float64Array>(array: T, needed: number): T => {
  if (needed <= array.length) return array
  const larger = new (array.constructor as new (length: number) => T)(Math.max(needed, array.length * 2))
  larger.set(array as never)
  return larger
}

/** @param expected how many expressions there will be, roughly: growing costs more than room that stays empty */
export function createExpressionStore(expected = 0): ExpressionStore {
  const rooms = Math.ceil(Math.max(FIRST, Math.min(expected, MOST_EXPECTED)))
  let size = 0
  let used = 0
  let kinds = new Uint8Array(rooms)
  let labels = new Int32Array(rooms)
  let starts = new Int32Array(rooms)
  let counts = new Int32Array(rooms)
  let heights = new Int32Array(rooms)
  let weights = new Int32Array(rooms)
  let hashes = new Int32Array(rooms)
  let values = new Float64Array(rooms)
  let slacks = new Float64Array(rooms)
  let args = new Int32Array(rooms)
  let coefficients = new Float64Array(rooms)
  let coefficientSlacks = new Float64Array(rooms)
  let table = new Int32Array(2 ** Math.ceil(Math.log2(2 * rooms)))
  let entries = 0

  const word = new Float64Array(1)
  const words = new Int32Array(word.buffer)
  const mix = (hash: number, value: number): number => Math.imul(hash ^ value, 0x01000193) ^ (hash >>> 15)
  const mixFloat = (hash: number, value: number): number => {
    word[0] = value
    return mix(mix(hash, words[0]!), words[1]!)
  }

  function reserve(extra: number): void {
    if (size + extra <= kinds.length) return
    labels = grown(labels, size + extra)
    starts = grown(starts, size + extra)
    counts = grown(counts, size + extra)
    heights = grown(heights, size + extra)
    weights = grown(weights, size + extra)
    hashes = grown(hashes, size + extra)
    values = grown(values, size + extra)
    slacks = grown(slacks, size + extra)
    kinds = grown(kinds, size + extra)
  }

  /** The expression of no value with these arguments (the second -1 when there is one), new or known. */
  function internFew(kind: number, first: number, second: number, label: number): number {
    if (entries * 2 > table.length) widen()
    const list = second < 0 ? 1 : 2
    let hash = mix(mix(mix(mix(0x2c1b3c6d, kind), label), first), second)
    hash ^= hash >>> 13
    const last = table.length - 1
    let slot = hash & last
    for (; table[slot] !== 0; slot = (slot + 1) & last) {
      const id = table[slot]! - 1
      if (hashes[id] !== hash || kinds[id] !== kind || labels[id] !== label || counts[id] !== list) continue
      const start = starts[id]!
      if (args[start] === first && (second < 0 || args[start + 1] === second)) return id
    }
    reserve(1)
    reserveArguments(2)
    const id = size++
    args[used] = first
    let height = heights[first]!
    let weight = weights[first]!
    if (second >= 0) {
      args[used + 1] = second
      height = Math.max(height, heights[second]!)
      weight += weights[second]!
    }
    kinds[id] = kind
    labels[id] = label
    starts[id] = used
    counts[id] = list
    heights[id] = height + 1
    weights[id] = Math.min(weight, 2 ** 31 - 1)
    hashes[id] = hash
    used += list
    table[slot] = id + 1
    entries++
    return id
  }

  function reserveArguments(extra: number): void {
    if (used + extra <= args.length) return
    args = grown(args, used + extra)
    coefficients = grown(coefficients, used + extra)
    coefficientSlacks = grown(coefficientSlacks, used + extra)
  }

  function hashOf(
    kind: number,
    list: ArrayLike<number>,
    label: number,
    value: Inexact,
    terms: readonly Inexact[],
  ): number {
    let hash = mixFloat(mix(mix(0x811c9dc5, kind), label), value.value)
    if (value.slack !== 0) hash = mixFloat(hash, value.slack)
    for (let k = 0; k < list.length; k++) hash = mix(hash, list[k]!)
    for (const term of terms) hash = mixFloat(hash, term.value)
    return hash ^ (hash >>> 13)
  }

  function matches(
    id: number,
    kind: number,
    list: readonly number[],
    label: number,
    value: Inexact,
    terms: readonly Term[],
  ) {
    if (kinds[id] !== kind || labels[id] !== label || counts[id] !== list.length) return false
    if (values[id] !== value.value || slacks[id] !== value.slack) return false
    const start = starts[id]!
    for (let k = 0; k < list.length; k++) if (args[start + k] !== list[k]) return false
    for (let k = 0; k < terms.length; k++)
      if (coefficients[start + k] !== terms[k]!.value || coefficientSlacks[start + k] !== terms[k]!.slack) return false
    return true
  }

  function widen(): void {
    const old = table
    table = new Int32Array(old.length * 4)
    for (const entry of old) {
      if (entry === 0) continue
      let slot = hashes[entry - 1]! & (table.length - 1)
      while (table[slot] !== 0) slot = (slot + 1) & (table.length - 1)
      table[slot] = entry
    }
  }

  function append(
    kind: number,
    list: readonly number[],
    label: number,
    value: Inexact,
    terms: readonly Term[],
  ): number {
    reserve(1)
    reserveArguments(list.length)
    const id = size++
    let height = -1
    let weight = 0
    for (let k = 0; k < list.length; k++) {
      args[used + k] = list[k]!
      coefficients[used + k] = terms[k]?.value ?? 0
      coefficientSlacks[used + k] = terms[k]?.slack ?? 0
      height = Math.max(height, heights[list[k]!]!)
      weight += weights[list[k]!]!
    }
    kinds[id] = kind
    labels[id] = label
    starts[id] = used
    counts[id] = list.length
    heights[id] = height + 1
    weights[id] = Math.min(weight, 2 ** 31 - 1)
    values[id] = value.value
    slacks[id] = value.slack
    used += list.length
    return id
  }

  return {
    size: () => size,
    kind: (id) => KINDS[kinds[id]!]!,
    value: (id) => values[id]!,
    slack: (id) => slacks[id]!,
    label: (id) => labels[id]!,
    count: (id) => counts[id]!,
    argument: (id, k) => args[starts[id]! + k]!,
    coefficient: (id, k) => coefficients[starts[id]! + k]!,
    coefficientSlack: (id, k) => coefficientSlacks[starts[id]! + k]!,
    height: (id) => heights[id]!,
    weight: (id) => weights[id]!,
    internUnary: (kind, argument, label) => internFew(CODE[kind], argument, -1, label),
    internPair: (first, second) => internFew(CODE.set, first, second, 0),
    intern(kind, list, label, value, terms = []) {
      const code = CODE[kind]
      // One way for each expression, or it would have two numbers.
      if (list.length > 0 && list.length < 3 && terms.length === 0 && value.value === 0 && value.slack === 0)
        return internFew(code, list[0]!, list.length === 1 ? -1 : list[1]!, label)
      if (entries * 2 > table.length) widen()
      const hash = hashOf(code, list, label, value, terms)
      let slot = hash & (table.length - 1)
      for (; table[slot] !== 0; slot = (slot + 1) & (table.length - 1)) {
        if (hashes[table[slot]! - 1] === hash && matches(table[slot]! - 1, code, list, label, value, terms))
          return table[slot]! - 1
      }
      const id = append(code, list, label, value, terms)
      hashes[id] = hash
      table[slot] = id + 1
      entries++
      return id
    },
    leaves(base, count) {
      reserve(count)
      const first = size
      for (let k = 0; k < count; k++) {
        kinds[first + k] = CODE.leaf
        labels[first + k] = base
        values[first + k] = k
        heights[first + k] = 0
        weights[first + k] = 1
      }
      size += count
      return first
    },
  }
}
