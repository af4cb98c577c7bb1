import type { NdArray } from '../onnx/ir.ts'
import type { Site } from '../ops/operator.ts'

/** A room whose shape and evaluation disagree is a bug of ours. */
export function checkResult(site: Site, index: number, result: NdArray): void {
  const { name, dims } = site.outputs[index]!
  if (dims.length !== result.dims.length || dims.some((dim, axis) => dim !== result.dims[axis]))
    throw new Error(
      `${site.node.op} made '${name}' of shape [${result.dims.join(', ')}] where its rule says [${dims.join(', ')}]`,
    )
}
