import type { Model, Node, StoredTensor } from '../onnx/ir.ts'
import { storeTensor, toNdArray } from '../onnx/tensor.ts'

/**
 * Parts taken out of a split by constant numbers, as PyTorch's exporter writes `chunk` and `split` without its optimizer:
 * SequenceAt(SplitToSequence(x, sizes), k) becomes a Slice of x. Sequences themselves have no rule, so a split whose sizes or whose
 * number is not a constant of the file stays as it is, to be refused by name.
 *
 * @param isForeign nodes that mean another opset than the model's: left alone
 */
export function unrollSequences(model: Model, isForeign: (node: Node) => boolean): Model {
  const { graph } = model
  const splits = new Map<string, Node>()
  for (const node of graph.nodes)
    if (node.op === 'SplitToSequence' && node.domain === '' && !isForeign(node) && node.outputs[0] !== undefined)
      splits.set(node.outputs[0], node)
  if (splits.size === 0) return model
  const initializers = new Map(graph.initializers)
  const open = new Set(model.irVersion >= 4 ? graph.inputs.map(({ name }) => name) : [])
  const constants = new Map<string, StoredTensor>([...graph.initializers].filter(([name]) => !open.has(name)))
  for (const node of graph.nodes) {
    const value = node.op === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined
    if (value?.kind === 'tensor') constants.set(node.outputs[0]!, value.value)
  }
  const taken = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ])
  const numbers = (name: string | undefined): readonly number[] | undefined => {
    const stored = name === undefined ? undefined : constants.get(name)
    return stored?.type === 'int64' || stored?.type === 'int32' ? [...toNdArray(stored).data] : undefined
  }
  const scalars = (name: string | undefined): boolean => constants.get(name ?? '')?.dims.length === 0

  const nodes = graph.nodes.map((node): Node => {
    const split = node.op === 'SequenceAt' && node.domain === '' ? splits.get(node.inputs[0] ?? '') : undefined
    const [sizes, position] = [numbers(split?.inputs[1]), numbers(node.inputs[1])?.[0]]
    if (!split || isForeign(node) || !sizes || position === undefined || position < 0) return node
    const isScalar = scalars(split.inputs[1])
    // One number is the size of every part, several are the sizes themselves.
    const size = isScalar ? sizes[0] : sizes[position]
    if (size === undefined || size < 0) return node
    const start = isScalar ? size * position : sizes.slice(0, position).reduce((sum, part) => sum + part, 0)
    const axis = split.attributes.get('axis')
    const store = (what: string, value: number): string => {
      let name = `${node.outputs[0]}/${what}`
      while (taken.has(name)) name += '_'
      taken.add(name)
      initializers.set(name, storeTensor(name, 'int64', [1], [value]))
      return name
    }
    return {
      ...node,
      op: 'Slice',
      attributes: new Map(),
      inputs: [
        split.inputs[0]!,
        store('from', start),
        store('to', start + size),
        store('axis', axis?.kind === 'int' ? Number(axis.value) : 0),
      ],
    }
  })
  return { ...model, graph: { ...graph, initializers, nodes } }
}
