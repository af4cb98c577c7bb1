import type { Attribute, Graph, Model, Node } from '../onnx/ir.ts'
import { liveNodes } from '../onnx/live-nodes.ts'

/**
 * Makes a backward graph cheaper without changing a bit of what it computes (up to the sign of zeros):
 * - equal nodes are computed once;
 * - Where(m, a, 0) + Where(m, 0, b) is Where(m, a, b): the two halves of a Max/Min pair become one selection.
 *
 * A sorting layer is bound by memory traffic, so this is worth more than it looks (bench/training).
 */
export function simplifyGradient(model: Model): Model {
  const { graph } = model
  const alias = new Map<string, string>()
  const made = new Map<string, Node>()
  const known = new Map<string, Node>()
  const zeros = new Set([...graph.initializers].filter(([, t]) => isScalarZero(t.data)).map(([name]) => name))
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const nodes: Node[] = []

  for (const original of graph.nodes) {
    const inputs = original.inputs.map((name) => alias.get(name) ?? name)
    const node = mergeSelections({ ...original, inputs }, made, zeros)
    const key = `${node.domain} ${node.op}(${node.inputs.join(',')})${node.outputs.length}{${attributesOf(node)}}`
    const twin = known.get(key)
    if (twin && !node.outputs.some((name) => outputs.has(name)) && !isRandom(node.op)) {
      node.outputs.forEach((name, i) => {
        alias.set(name, twin.outputs[i]!)
      })
      continue
    }
    known.set(key, node)
    for (const name of node.outputs) made.set(name, node)
    nodes.push(node)
  }
  return { ...model, graph: withoutDead({ ...graph, nodes }) }
}

/** Add(Where(m, a, 0), Where(m, 0, b)) -> Where(m, a, b). */
function mergeSelections(node: Node, made: ReadonlyMap<string, Node>, zeros: ReadonlySet<string>): Node {
  if (node.op !== 'Add' || node.domain !== '') return node
  const [p, q] = node.inputs.map((name) => made.get(name))
  if (p?.op !== 'Where' || q?.op !== 'Where' || p.inputs[0] !== q.inputs[0]) return node
  for (const [first, second] of [
    [p, q],
    [q, p],
  ] as const) {
    if (zeros.has(first.inputs[2]!) && zeros.has(second.inputs[1]!)) {
      return {
        ...node,
        op: 'Where',
        inputs: [first.inputs[0]!, first.inputs[1]!, second.inputs[2]!],
        attributes: new Map(),
      }
    }
  }
  return node
}

function withoutDead(graph: Graph): Graph {
  const wanted = graph.outputs.map((output) => output.name)
  const nodes = liveNodes(graph.nodes, wanted)
  const read = new Set([...wanted, ...nodes.flatMap((node) => node.inputs)])
  return { ...graph, nodes, initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))) }
}

function isScalarZero(data: ArrayLike<number | bigint | string>): boolean {
  return data.length === 1 && data[0] === 0
}

function attributesOf(node: Node): string {
  const text = (attribute: Attribute): string =>
    attribute.kind === 'tensor' || attribute.kind === 'graph'
      ? `${node.name}`
      : `${attribute.kind}:${JSON.stringify(attribute.value)}`
  return [...node.attributes].map(([name, attribute]) => `${name}=${text(attribute)}`).join(';')
}

function isRandom(op: string): boolean {
  return /^Random|^Multinomial$|^Bernoulli$/.test(op)
}
