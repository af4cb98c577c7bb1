import type { Model } from '../onnx/ir.ts'
import { storeTensor } from '../onnx/tensor.ts'
import { TINY_ROOT } from '../ops/sqrt.ts'

/**
 * deel-lip's gradient of an L2 pooling divides by sqrt(m) + eps where the true one divides by sqrt(m) (eps_grad_sqrt): without it
 * a window of rounding noise has a gradient of full length in an arbitrary direction. The forward pass keeps its exact root.
 *
 * @param model a gradient graph made by `differentiate`
 * @param roots output of a Sqrt node -> what is added to it in its own gradient
 */
export function dampRoots(model: Model, roots: ReadonlyMap<string, number>): Model {
  const { graph } = model
  const floors = new Set(
    [...graph.initializers]
      .filter(([, tensor]) => tensor.data.length === 1 && tensor.data[0] === Math.fround(TINY_ROOT))
      .map(([name]) => name),
  )
  const initializers = new Map(graph.initializers)
  const nodes = graph.nodes.map((node) => {
    const epsilon = roots.get(node.inputs[0] ?? '')
    if (node.op !== 'Max' || epsilon === undefined || !floors.has(node.inputs[1] ?? '')) return node
    const name = `${node.name}/epsilon`
    initializers.set(name, storeTensor(name, 'float32', [], [epsilon]))
    return { ...node, op: 'Add', inputs: [node.inputs[0]!, name] }
  })
  return { ...model, graph: { ...graph, nodes, initializers } }
}
