import type { Model, ValueInfo } from '../onnx/ir.ts'
import type { LoadedModel } from '../onnx/read.ts'
import type { Report } from '../report/report.ts'

const dims = (value: ValueInfo) => (value.dims ?? []).map((dim) => dim ?? '?')

/** Number of elements of all stored tensors, constants in nodes included. */
function parameterCount(model: Model): number {
  const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
  let count = 0
  for (const tensor of model.graph.initializers.values()) count += size(tensor.dims)
  for (const node of model.graph.nodes) {
    if (node.op !== 'Constant') continue
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'tensor' && attribute.value.type === 'float32') count += size(attribute.value.dims)
    }
  }
  return count
}

/** Who the model is: the report's `model`. */
export function modelInfo(loaded: LoadedModel): Report['model'] {
  const { model } = loaded
  const input = model.graph.inputs.find((value) => !model.graph.initializers.has(value.name))
  const output = model.graph.outputs[0]
  return {
    path: loaded.path,
    sha256: loaded.sha256,
    ...(loaded.externalData.length > 0 && { externalData: loaded.externalData }),
    opset: model.opsets.get('') ?? 0,
    irVersion: model.irVersion,
    producer: `${model.producerName} ${model.producerVersion}`.trim() || 'unknown',
    parameters: parameterCount(model),
    ...(input && { input: { name: input.name, dims: dims(input) } }),
    ...(output && { output: { name: output.name, dims: dims(output) } }),
  }
}
