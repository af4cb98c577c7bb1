/**
 * Overflow voids every error bound: the largest norm of an input for which no tensor, product or partial sum can leave
 * float32.
 * @module
 */
import { isFloat } from '../onnx/element-types.ts'
import type { Constants } from './constants.ts'
import type { Network } from './network.ts'
import { applyRule } from './node-rule.ts'
import type { ErrorForm, RoundingErrors } from './rounding-error.ts'

/**
 * Far enough below 2^128 for the sum of the squares of a tensor of this norm, which a single node (ReduceL2, LpPool, LRN) may form
 * inside, and for sums of many terms of this size, each with its rounding.
 */
const SAFE = 2 ** 60
/** Limit of the sum of the p-th powers of a node's input. */
const SAFE_POWER = 2 ** 120
const CANDIDATES = [2 ** 40, 2 ** 30, 2 ** 20, 2 ** 10, 2 ** 5, 1]

/** 0 when even inputs of norm 1 are not known to be safe. */
export function largestSafeNorm(network: Network, constants: Constants, errors: RoundingErrors): number {
  const units = unitsWithPowers(network, constants, errors)
  return CANDIDATES.find((norm) => isSafe(network, errors, units, norm)) ?? 0
}

/** Units that form powers of their base, and the tensors inside them that have no constant, or no error bound, of their own. */
function unitsWithPowers({ program }: Network, constants: Constants, errors: RoundingErrors) {
  const bases: { readonly base: string; readonly power: number }[] = []
  const inner = new Set<string>()
  // A range may give a constant where the errors are not followed.
  const isFollowed = (tensor: string): boolean => {
    if (!Number.isFinite(constants.of(tensor))) return false
    const { constant, slope } = errors.of(tensor)
    return Number.isFinite(constant + slope)
  }
  for (const { site } of program.nodes)
    for (const { name } of site.outputs) {
      const unit = name === '' ? undefined : constants.segment(name)
      if (!unit?.rounding) continue
      bases.push({ base: unit.base, power: unit.rounding.power })
      for (const node of unit.nodes)
        for (const output of node.site.outputs)
          if (output.name !== name && !isFollowed(output.name)) inner.add(output.name)
    }
  return { bases, inner }
}

function isSafe(
  network: Network,
  errors: RoundingErrors,
  units: ReturnType<typeof unitsWithPowers>,
  norm: number,
): boolean {
  const at = ({ constant, slope }: ErrorForm): number => constant + slope * norm
  const executed = (name: string): number => at(errors.norm(name)) + at(errors.of(name))
  const { program, producers, symbolic, linear } = network
  const magnitude = createMagnitude(network, executed)
  // |x_i| <= |x|; coefficients of a gate are far below the room between the two limits.
  if (!units.bases.every(({ base, power }) => (executed(base) + 1) ** power < SAFE)) return false
  for (const node of program.nodes)
    for (const { name, type } of node.site.outputs) {
      if (name === '' || !isFloat(type) || units.inner.has(name)) continue
      const rule = node.operator.rounding(node.site)
      if (rule.kind === 'relative' && rule.power !== undefined) {
        // sum |x_i|^p <= |x|^p for p >= 1.
        const inputs = node.site.inputs.flatMap((input) => (input && !input.constant ? [executed(input.name)] : []))
        if (!inputs.every((size) => size ** rule.power! < SAFE_POWER)) return false
      }
      // A square inside a norm has no constant, but it has a magnitude; twice covers its relative rounding.
      const tensor = symbolic.tensors.get(name)
      if (tensor && tensor.base === undefined && Number.isFinite(tensor.rounding.ulps)) {
        if (!tensor.ids.every((id) => 2 * magnitude(id) + tensor.rounding.tiny < SAFE)) return false
        continue
      }
      if (!(executed(name) < SAFE)) return false
      if (rule.kind !== 'dot') continue
      const products = applyRule(network, producers.get(name)!, executed, (n) => linear.get(n)!.absolute())
      if (!(products * (rule.partial ?? 1) < SAFE)) return false
    }
  return true
}

/** Largest absolute value of an expression when base b has norm at most `executed(b)`. */
function createMagnitude(network: Network, executed: (name: string) => number): (id: number) => number {
  const { store } = network.symbolic.pool
  const leaf = network.symbolic.bases.map((name) => executed(name))
  const known = new Float64Array(store.size()).fill(-1)

  function compute(id: number): number {
    let largest = 0
    for (let k = 0; k < store.count(id); k++) largest = Math.max(largest, magnitude(store.argument(id, k)))
    switch (store.kind(id)) {
      case 'leaf':
        return leaf[store.label(id)]!
      case 'constant':
        return Math.abs(store.value(id)) + store.slack(id)
      case 'linear': {
        let sum = Math.abs(store.value(id)) + store.slack(id)
        for (let k = 0; k < store.count(id); k++)
          sum += magnitude(store.argument(id, k)) * (Math.abs(store.coefficient(id, k)) + store.coefficientSlack(id, k))
        return sum
      }
      case 'square':
        return largest * largest
      case 'sqrt':
        return Math.sqrt(largest)
      case 'sign':
      case 'step':
        return 1
      default:
        return largest
    }
  }
  function magnitude(id: number): number {
    if (known[id]! < 0) known[id] = compute(id)
    return known[id]!
  }
  return magnitude
}
