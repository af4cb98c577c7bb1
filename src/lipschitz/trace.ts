/**
 * The argument as a list of steps, from the input to the logits: linear nodes with their norms, fused regions with their
 * constants and what multiplying their nodes' constants would have given.
 * @module
 */
import type { ExpressionStore } from '../graph/fusion/expression-store.ts'
import type { ProgramNode } from '../graph/program.ts'
import type { TraceStep } from '../report/report.ts'
import { type Constants, throughBases } from './constants.ts'
import type { Network } from './network.ts'
import { applyRule } from './node-rule.ts'
import type { Segment } from './segments.ts'

/** The steps that the bound of `logits` rests on, in the order of the program. */
export function traceOf(network: Network, constants: Constants, logits: string): TraceStep[] {
  const steps = new Map<string, TraceStep>()
  const visit = (name: string): void => {
    const producer = network.producers.get(name)
    if (!producer || steps.has(name)) return
    const tensor = network.symbolic.tensors.get(name)
    const blocks = constants.blocks(name)
    const segment = constants.segment(name)
    if (segment) {
      visit(segment.base)
      steps.set(name, merged(network, constants, name, segment))
    } else if (tensor?.base === undefined && blocks) {
      const bases = [...blocks.keys()].map((base) => network.symbolic.bases[base]!)
      bases.forEach(visit)
      steps.set(name, region(network, constants, name, bases))
    } else {
      for (const input of producer.node.site.inputs) if (input && !input.constant) visit(input.name)
      steps.set(name, single(network, constants, name))
    }
  }
  visit(logits)
  return [...steps.values()].filter((step) => step.nodes!.length > 0)
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)

/** An affine segment or a residual block, bounded as one operator. */
function merged(network: Network, constants: Constants, name: string, segment: Segment): TraceStep {
  const { base, nodes, enclosure, because = 'linear from end to end, so bounded as one operator' } = segment
  return {
    name: network.producers.get(name)!.node.site.node.name,
    rule: enclosure.method,
    constant: finite(enclosure.upper),
    naive: finite(naive(network, nodes, [base], name, () => 1)),
    because: `${because}; the network up to here: ${constants.of(name)}`,
    nodes: nodes.map(({ site }) => site.node.name),
  }
}

/** One node by its own rule. */
export function single(network: Network, constants: Constants, name: string): TraceStep {
  const { node, output } = network.producers.get(name)!
  const rule = network.rule(node)
  const linear = network.linear.get(node)
  const constant = applyRule(
    network,
    { node, output },
    () => 1,
    (n) => network.linear.get(n)!.enclosure.upper,
  )
  if (rule.kind === 'unbounded' && constants.isRanged(node))
    return {
      name: node.site.node.name,
      rule: 'ranges',
      constant: null,
      naive: null,
      because: `its inputs stay where its slopes are bounded; the network up to here: ${constants.of(name)}`,
      nodes: [node.site.node.name],
    }
  const because =
    rule.kind === 'move'
      ? 'every element is a copy'
      : rule.kind === 'affine'
        ? linear!.structure.kind === 'closed-form'
          ? linear!.structure.because
          : `linear: its norm, by ${linear!.enclosure.method}`
        : rule.because
  return {
    name: node.site.node.name,
    rule: rule.kind === 'affine' ? linear!.enclosure.method : rule.kind,
    constant: finite(constant),
    naive: finite(constant),
    because: `${because}; the network up to here: ${constants.of(name)}`,
    nodes: [node.site.node.name],
  }
}

/** A fused region: from its bases to one tensor. */
export function region(network: Network, constants: Constants, name: string, bases: readonly string[]): TraceStep {
  const { node } = network.producers.get(name)!
  const nodes = nodesBetween(network, bases, name)
  const largest = Math.max(...bases.map((base) => constants.of(base)), 0)
  const blocks = constants.blocks(name)!
  const relative = (bound: number): number => (bases.length === 1 ? bound : bound / largest)
  const moves = (base: string): number => (bases.length === 1 ? 1 : constants.of(base))
  const { rule, because } = describe(network.symbolic.pool.store, network.symbolic.tensors.get(name)!.ids)
  return {
    name: node.site.node.name,
    rule,
    constant: finite(relative(throughBases(network, blocks, moves))),
    naive: finite(relative(naive(network, nodes, bases, name, moves))),
    because: `${because}; the network up to here: ${constants.of(name)}`,
    nodes: nodes.map(({ site }) => site.node.name),
  }
}

/** The constant that the nodes' own rules give one after another. */
function naive(
  network: Network,
  nodes: readonly ProgramNode[],
  bases: readonly string[],
  name: string,
  moves: (base: string) => number,
): number {
  const known = new Map(bases.map((base) => [base, moves(base)]))
  for (const node of nodes)
    node.site.outputs.forEach((operand, output) => {
      if (operand.name === '') return
      const constant = applyRule(
        network,
        { node, output },
        (input) => known.get(input) ?? Number.POSITIVE_INFINITY,
        (n) => network.linear.get(n)!.enclosure.upper,
      )
      known.set(operand.name, constant)
    })
  return known.get(name) ?? Number.POSITIVE_INFINITY
}

function nodesBetween(network: Network, bases: readonly string[], name: string): ProgramNode[] {
  const stop = new Set(bases)
  const found = new Set<ProgramNode>()
  const visit = (tensor: string): void => {
    const producer = network.producers.get(tensor)
    if (stop.has(tensor) || !producer || found.has(producer.node)) return
    found.add(producer.node)
    for (const input of producer.node.site.inputs) if (input && !input.constant) visit(input.name)
  }
  visit(name)
  return network.program.nodes.filter((node) => found.has(node))
}

/** Names the theorem by what the expressions are. */
function describe(store: ExpressionStore, ids: ArrayLike<number>): { rule: string; because: string } {
  const kinds = new Set<string>()
  for (let i = 0; i < Math.min(ids.length, 256); i++) {
    let id = ids[i]!
    while (store.kind(id) === 'linear' && store.count(id) === 1) id = store.argument(id, 0)
    kinds.add(store.kind(id))
  }
  if (kinds.has('sqrt'))
    return { rule: 'l2-norm', because: 'norms of groups of elements: | |a| - |b| | <= |a - b| (triangle inequality)' }
  if (kinds.has('order'))
    return {
      rule: 'order-statistics',
      because: 'each output is an order statistic of a group: sorting is 1-Lipschitz (rearrangement inequality)',
    }
  if (kinds.has('abs')) return { rule: 'absolute-value', because: '| |a| - |b| | <= |a - b|' }
  if (kinds.has('linear'))
    return { rule: 'combination', because: 'linear combinations of elements, by the triangle inequality' }
  return { rule: 'movement', because: 'every element is a copy of another, scaled or not' }
}
