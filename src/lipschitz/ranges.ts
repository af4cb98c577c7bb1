/**
 * Intervals that every element of a tensor stays in, for all inputs, and what they prove about operators that are unbounded in
 * general: products of bounded values (gates), logarithms and roots of what stays above a positive number, quotients with such
 * divisors, powers and exponentials of what stays below a number.
 *
 * Theorem (mean value). Where |f'| <= m on an interval, an elementwise f moves by at most m |dx| there; where |df / da| <= B and
 * |df / db| <= A, f(a, b) moves by at most B |da| + A |db|. An element that broadcasts to k positions counts sqrt(k).
 * @module
 */
import type { ProgramNode } from '../graph/program.ts'
import { isFloat } from '../onnx/element-types.ts'
import { repetitionNorm } from '../ops/broadcast.ts'
import {
  EVERYWHERE,
  hull,
  type Interval,
  increasing,
  largestOf,
  outward,
  plus,
  smallestOf,
  times,
} from '../ops/interval.ts'
import type { Operand } from '../ops/operator.ts'
import { sumUp, timesUp } from '../ops/sum-up.ts'
import { type ExpressionId, OPAQUE } from '../ops/symbolic.ts'
import type { Network } from './network.ts'

export interface Ranges {
  /** What every element of a tensor lies in. */
  of(name: string): Interval
  /** Bounds of the slopes by the node's inputs, where their ranges give some: then the node is defined for every input. */
  slopes(node: ProgramNode): readonly number[] | undefined
  /** Bound of how far the node's first output moves; undefined where the ranges give none. */
  bound(node: ProgramNode, moves: (name: string) => number): number | undefined
}

export function createRanges(network: Network): Ranges {
  const { symbolic, producers, program } = network
  const { store } = symbolic.pool
  const tensors = new Map<string, Interval>()
  const expressions = new Map<ExpressionId, Interval>()
  const found = new Map<ProgramNode, readonly number[] | undefined>()

  const ofOperand = (operand: Operand | undefined): Interval => {
    if (!operand || !isFloat(operand.type)) return EVERYWHERE
    const { constant } = operand
    if (!constant) return of(operand.name)
    const error = constant.relativeError ?? 0
    if (!(error < 0.5) || constant.data.length === 0) return EVERYWHERE
    const [low, high] = hull(Array.from(constant.data, (value): Interval => [value, value]))
    const by = error * 2
    return error === 0 ? [low, high] : outward(low - by * Math.abs(low), high + by * Math.abs(high))
  }

  function of(name: string): Interval {
    const known = tensors.get(name)
    if (known) return known
    // What asks for itself on the way knows nothing yet.
    tensors.set(name, EVERYWHERE)
    const tensor = symbolic.tensors.get(name)
    const range = tensor && tensor.base === undefined ? ofAll(tensor.ids) : ofBase(producers.get(name))
    tensors.set(name, range)
    return range
  }

  /** Most tensors are bounded on no side: their first element says so. */
  function ofAll(ids: ArrayLike<ExpressionId>): Interval {
    const ranges: Interval[] = []
    for (let i = 0; i < ids.length; i++) {
      const range = ofExpression(ids[i]!)
      if (range[0] === EVERYWHERE[0] && range[1] === EVERYWHERE[1]) return EVERYWHERE
      ranges.push(range)
    }
    return hull(ranges)
  }

  function ofBase(producer: ReturnType<typeof producers.get>): Interval {
    if (producer?.output !== 0) return EVERYWHERE
    const { operator, site } = producer.node
    return operator.range?.(site, site.inputs.map(ofOperand)) ?? EVERYWHERE
  }

  function ofExpression(id: ExpressionId): Interval {
    if (id === OPAQUE) return EVERYWHERE
    const known = expressions.get(id)
    if (known) return known
    const range = evaluate(id)
    expressions.set(id, range)
    return range
  }

  function evaluate(id: ExpressionId): Interval {
    const argument = (k: number): Interval => ofExpression(store.argument(id, k))
    const around = (value: number, slack: number): Interval =>
      slack === 0 ? [value, value] : outward(value - slack, value + slack)
    switch (store.kind(id)) {
      case 'leaf':
        return of(symbolic.bases[store.label(id)]!)
      case 'constant':
        return around(store.value(id), store.slack(id))
      case 'linear': {
        let sum = around(store.value(id), store.slack(id))
        for (let k = 0; k < store.count(id); k++) {
          const range = argument(k)
          if (range[0] === EVERYWHERE[0] && range[1] === EVERYWHERE[1]) return EVERYWHERE
          sum = plus(sum, times(around(store.coefficient(id, k), store.coefficientSlack(id, k)), range))
        }
        return sum
      }
      case 'order': {
        const set = store.argument(id, 0)
        const members = Array.from({ length: store.count(set) }, (_, k) => ofExpression(store.argument(set, k)))
        const rank = store.label(id) - 1
        const at = (ends: readonly number[]): number => ends.toSorted((a, b) => a - b)[rank]!
        return [at(members.map(([low]) => low)), at(members.map(([, high]) => high))]
      }
      case 'abs':
        return [smallestOf(argument(0)), largestOf(argument(0))]
      case 'square': {
        const [low, high] = [smallestOf(argument(0)), largestOf(argument(0))]
        return times([low, high], [low, high])
      }
      case 'sqrt':
        return increasing((x) => Math.sqrt(Math.max(0, x)), argument(0), [0, Number.POSITIVE_INFINITY])
      case 'sign':
        return [-1, 1]
      case 'step':
        return [0, 1]
      case 'set':
        return EVERYWHERE
    }
  }

  function slopes(node: ProgramNode): readonly number[] | undefined {
    if (!found.has(node)) {
      const { operator, site } = node
      const bounds = network.everySize ? undefined : operator.slopes?.(site, site.inputs.map(ofOperand))
      found.set(node, bounds?.every((slope) => slope !== undefined) ? (bounds as readonly number[]) : undefined)
    }
    return found.get(node)
  }

  const inputs = new Set(program.inputs.map(({ name }) => name))
  for (const name of inputs) tensors.set(name, EVERYWHERE)
  return {
    of,
    slopes,
    bound(node, moves) {
      // What is linear has its norm, and no slope is smaller.
      if (network.rule(node).kind === 'affine') return undefined
      const bounds = slopes(node)
      if (!bounds) return undefined
      const { site } = node
      const { dims } = site.outputs[0]!
      const parts = site.inputs.map((input, k) => {
        if (!input || input.constant || bounds[k] === 0) return 0
        return timesUp(timesUp(bounds[k]!, repetitionNorm(input.dims, dims)), moves(input.name))
      })
      return parts.every(Number.isFinite) ? sumUp(parts) : undefined
    },
  }
}
