import { LipError } from '../errors.ts'
import type { Graph, Node } from './ir.ts'

/**
 * The nodes in an order in which every value is made before it is read, keeping the file's order where that is one.
 *
 * @throws LipError MODEL_INVALID when the nodes form a cycle
 */
export function sortNodes(nodes: readonly Node[]): readonly Node[] {
  const maker = new Map<string, number>()
  nodes.forEach((node, index) => {
    for (const output of node.outputs) if (output !== '') maker.set(output, index)
  })
  const pending = new Int32Array(nodes.length)
  const readers: number[][] = nodes.map(() => [])
  nodes.forEach((node, index) => {
    for (const name of namesRead(node)) {
      const from = maker.get(name)
      if (from === undefined) continue
      pending[index]!++
      readers[from]!.push(index)
    }
  })
  if (nodes.every((node, index) => [...namesRead(node)].every((name) => (maker.get(name) ?? -1) < index))) return nodes
  // Kahn's algorithm; the smallest ready position first keeps the order of the file as far as possible.
  const ready: number[] = []
  for (let i = nodes.length - 1; i >= 0; i--) if (pending[i] === 0) ready.push(i)
  const sorted: Node[] = []
  while (ready.length > 0) {
    const index = ready.pop()!
    sorted.push(nodes[index]!)
    for (const reader of readers[index]!) if (--pending[reader]! === 0) ready.push(reader)
  }
  if (sorted.length < nodes.length) {
    const stuck = nodes.find((_, index) => pending[index]! > 0)!
    throw new LipError('MODEL_INVALID', `The graph has a cycle through node '${stuck.name}' (${stuck.op}).`)
  }
  return sorted
}

/** The names that a node reads, those that its subgraphs take from outside included (and perhaps some of their own). */
export function namesRead(node: Node): ReadonlySet<string> {
  const names = new Set<string>()
  for (const input of node.inputs) if (input !== '') names.add(input)
  for (const attribute of node.attributes.values())
    if (attribute.kind === 'graph') for (const name of namesCaptured(attribute.value)) names.add(name)
  return names
}

function namesCaptured(graph: Graph): Set<string> {
  const own = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()])
  for (const node of graph.nodes) for (const output of node.outputs) own.add(output)
  const names = new Set<string>()
  for (const node of graph.nodes) for (const name of namesRead(node)) if (!own.has(name)) names.add(name)
  for (const output of graph.outputs) if (!own.has(output.name)) names.add(output.name)
  return names
}
