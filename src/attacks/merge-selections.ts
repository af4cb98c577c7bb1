import type { Graph, Model, Node } from '../onnx/ir.ts'
import { keepOutputs } from './seeded-graph.ts'

/**
 * Writes (c ? a : 0) + (c ? 0 : b) as c ? a : b. Reverse mode adds up what each use of a tensor sends back; where Max and Min of
 * one pair both use it (GroupSort), only one of the two terms is not zero. The values are the same but for the sign of a zero, and
 * two selections do the work of four and two sums: a tenth of a gradient's time on the demo network.
 */
export function mergeSelections(model: Model): Model {
  const { graph } = model
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const nodes = graph.nodes.map((node) => merged(node, graph, producers) ?? node)
  const outputs = graph.outputs.map(({ name }) => name)
  return keepOutputs({ ...model, graph: { ...graph, nodes } }, outputs)
}

function merged(node: Node, graph: Graph, producers: ReadonlyMap<string, Node>): Node | undefined {
  if (node.op !== 'Add' || node.domain !== '') return undefined
  const [left, right] = node.inputs.map((name) => producers.get(name))
  if (!isSelection(left) || !isSelection(right)) return undefined
  const [condition, a, b] = left.inputs as [string, string, string]
  const [other, p, q] = right.inputs as [string, string, string]
  if (!computeTheSame(condition, other, producers)) return undefined
  const zero = (name: string) => isZero(graph, name)
  if (zero(b) && zero(p)) return { ...node, op: 'Where', inputs: [condition, a, q] }
  if (zero(a) && zero(q)) return { ...node, op: 'Where', inputs: [condition, p, b] }
  return undefined
}

function isSelection(node: Node | undefined): node is Node {
  return node?.op === 'Where' && node.domain === ''
}

/** One tensor, or two comparisons of the same operands. */
function computeTheSame(a: string, b: string, producers: ReadonlyMap<string, Node>): boolean {
  if (a === b) return true
  const [first, second] = [producers.get(a), producers.get(b)]
  return (
    first !== undefined &&
    second !== undefined &&
    first.op === 'GreaterOrEqual' &&
    second.op === 'GreaterOrEqual' &&
    first.domain === second.domain &&
    first.inputs.every((name, i) => name === second.inputs[i])
  )
}

/** A stored scalar 0. */
function isZero({ initializers }: Graph, name: string): boolean {
  const tensor = initializers.get(name)
  return tensor?.type === 'float32' && tensor.data.length === 1 && tensor.data[0] === 0
}
