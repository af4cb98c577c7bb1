import type { Model } from '../onnx/ir.ts'

/**
 * The model with one tensor as its only output: the logits before a final Softmax, which certificates are about.
 * The tensor's type is float32, its shape left open.
 */
export function exposeTensor(model: Model, name: string): Model {
  const { graph } = model
  if (graph.outputs.length === 1 && graph.outputs[0]!.name === name) return model
  const declared = graph.outputs.find((output) => output.name === name)
  return { ...model, graph: { ...graph, outputs: [declared ?? { name, type: 'float32', dims: undefined }] } }
}
