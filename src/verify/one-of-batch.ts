/**
 * Files that fix a batch of many samples, as exporters write them that were given an example batch.
 * @module
 */
import { LipError } from '../errors.ts'
import { provesRowsAlike } from '../graph/alike-rows.ts'
import { prepare } from '../graph/prepare.ts'
import type { Program } from '../graph/program.ts'
import { provesRowIndependence } from '../graph/rows.ts'
import type { Model, Node, Shape, StoredTensor } from '../onnx/ir.ts'
import { storeTensor, toNdArray } from '../onnx/tensor.ts'

export interface OneOfBatch {
  /** What the file does to a single sample, proved; undefined where it is not. */
  readonly program: Program | undefined
  /** Samples of one run. */
  readonly batch: number
  /** Why there is no program. */
  readonly reason: string | undefined
}

/**
 * The network of one sample inside a file that fixes a batch: the same graph with the batch opened, and the proof that at the batch of
 * the file every row is that network of its own sample. The opened graph is only a candidate; the proof is about the file.
 *
 * @returns undefined for files whose batch is open or 1
 */
export function oneOfBatch(model: Model, inputShapes: Readonly<Record<string, Shape>> = {}): OneOfBatch | undefined {
  const fixed = model.graph.inputs.some(({ name, dims }) => {
    const first = dims?.[0]
    return typeof first === 'number' && first > 1 && !model.graph.initializers.has(name)
  })
  if (!fixed) return undefined
  const many = prepare(model, { batch: 1, inputShapes })
  const { batch } = many
  if (batch === 1) return undefined
  const no = (reason: string): OneOfBatch => ({ program: undefined, batch, reason })
  // What has no rule is reported as such.
  if (many.refused.length > 0) return no('it has nodes without a rule')
  const independent = provesRowIndependence(many)
  if (!independent.independent) return no(`its rows may influence each other${at(independent)}`)
  try {
    const program = prepare(openBatch(model, batch), { batch: 1 })
    if (program.refused.length > 0) return no('it cannot be read as a network of one sample')
    const alike = provesRowsAlike(program, many)
    return alike.independent ? { program, batch, reason: undefined } : no(`its rows are not proved alike${at(alike)}`)
  } catch (error) {
    if (!(error instanceof LipError)) throw error
    return no(`it cannot be read as a network of one sample: ${error.message.replace(/\.$/, '')}`)
  }
}

const at = ({ node, reason }: { readonly node?: string; readonly reason?: string }) =>
  `${node === undefined ? '' : ` at '${node}'`}${reason === undefined ? '' : `: ${reason}`}`

/** The graph with the first dimension of its inputs open, and Reshape nodes that wrote the batch out copying it instead. */
function openBatch(model: Model, batch: number): Model {
  const { graph } = model
  const initializers = new Map(graph.initializers)
  const constants = new Map<string, StoredTensor>(graph.initializers)
  for (const node of graph.nodes) {
    const value = node.op === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined
    if (value?.kind === 'tensor') constants.set(node.outputs[0]!, value.value)
  }
  const nodes = graph.nodes.map((node): Node => {
    const stored = node.op === 'Reshape' && node.domain === '' ? constants.get(node.inputs[1] ?? '') : undefined
    if (stored?.type !== 'int64' || node.attributes.has('allowzero')) return node
    const shape = [...toNdArray(stored).data]
    if (shape[0] !== batch) return node
    const name = `${node.name}/open-shape`
    // 0 copies the dimension of the input.
    initializers.set(name, storeTensor(name, 'int64', stored.dims, [0, ...shape.slice(1)]))
    return { ...node, inputs: [node.inputs[0]!, name] }
  })
  const open = <T extends { readonly dims: readonly unknown[] | undefined }>(value: T): T =>
    value.dims?.[0] === batch ? { ...value, dims: [undefined, ...value.dims.slice(1)] } : value
  return {
    ...model,
    graph: {
      ...graph,
      initializers,
      nodes,
      inputs: graph.inputs.map((input) => (initializers.has(input.name) ? input : open(input))),
      outputs: graph.outputs.map(open),
    },
  }
}
