/**
 * The same node at another opset. Gradients are emitted at opset 18 (kernels of other providers match later versions less
 * well), so the forward nodes of a model of any known opset are brought there, meaning unchanged.
 * @module
 */
import { LipError } from '../errors.ts'
import type { GraphBuilder } from '../onnx/builder.ts'
import type { Attribute, Node } from '../onnx/ir.ts'
import type { Site } from '../ops/operator.ts'

export const GRADIENT_OPSET = 18

/** Operators that came, or changed their meaning, after opset 18. */
const LATER = new Set([
  'Gelu',
  'Swish',
  'RMSNormalization',
  'GroupNormalization',
  'Resize',
  'Attention',
  'RotaryEmbedding',
])

/** The opset at which all these nodes can stand: 18, or the newest they need. */
export function commonOpset(sites: readonly Site[]): number {
  return Math.max(GRADIENT_OPSET, ...sites.filter(needsLater).map((site) => site.opset))
}

function needsLater({ node, opset, has, string }: Site): boolean {
  if (opset <= GRADIENT_OPSET) return false
  if (LATER.has(node.op)) return true
  return (node.op === 'AveragePool' && has('dilations')) || (node.op === 'Pad' && string('mode', 'constant') === 'wrap')
}

/** Emits the node at opset 18 or later: names, inputs and outputs as they are, attributes moved where the format moved them. */
export function modernise(site: Site, b: GraphBuilder): void {
  const { node, opset } = site
  const rule = opset < GRADIENT_OPSET ? RULES[node.op] : undefined
  if (rule) rule(site, b)
  else if (node.op === 'Cast' && node.attributes.has('saturate')) b.copy(without(node, 'saturate'))
  else b.copy(node)
}

type Rule = (site: Site, b: GraphBuilder) => void

/** `name` becomes input `position`, as int64 (or as float32 where `float`). */
function attributeToInput(node: Node, b: GraphBuilder, moves: readonly (readonly [string, number])[]): Node {
  const inputs = [...node.inputs]
  const attributes = new Map(node.attributes)
  for (const [name, position] of moves) {
    const attribute = attributes.get(name)
    if (!attribute) continue
    attributes.delete(name)
    while (inputs.length < position) inputs.push('')
    inputs[position] = constantOf(attribute, b)
  }
  return { ...node, inputs, attributes }
}

function constantOf(attribute: Attribute, b: GraphBuilder): string {
  if (attribute.kind === 'int') return b.indices([attribute.value])
  if (attribute.kind === 'ints') return b.indices(attribute.value)
  if (attribute.kind === 'float') return b.constant([attribute.value])
  if (attribute.kind === 'floats') return b.constant(attribute.value, [attribute.value.length])
  throw new Error(`an attribute of kind ${attribute.kind} cannot become an input`)
}

function without(node: Node, ...names: readonly string[]): Node {
  return { ...node, attributes: new Map([...node.attributes].filter(([name]) => !names.includes(name))) }
}

/** Before `until`, these attributes were what are inputs now. */
const moved =
  (until: number, ...moves: readonly (readonly [string, number])[]): Rule =>
  ({ node, opset }, b) =>
    b.copy(opset < until ? attributeToInput(node, b, moves) : node)

const axesInput18 = moved(18, ['axes', 1])
const axesInput13 = moved(13, ['axes', 1])

/** Before opset 13 the axes from `axis` on were one group. */
const grouped: Rule = (site, b) => {
  const { node, opset } = site
  const { dims } = site.input(0)
  const axis = site.int('axis', 1)
  const start = axis < 0 ? axis + dims.length : axis
  if (opset >= 13) return b.copy(node)
  if (start === dims.length - 1) {
    b.copy({ ...node, attributes: new Map([['axis', { kind: 'int', value: -1 }]]) })
    return
  }
  const flat = b.node('Flatten', [node.inputs[0]!], { axis: start })
  b.node(
    'Reshape',
    [b.node(node.op, [flat], { axis: 1 }), b.indices(dims)],
    {},
    { name: node.name, outputs: node.outputs },
  )
}

const RULES: Readonly<Record<string, Rule>> = {
  Squeeze: axesInput13,
  Unsqueeze: axesInput13,
  ReduceSum: axesInput13,
  ReduceMax: axesInput18,
  ReduceMin: axesInput18,
  ReduceMean: axesInput18,
  ReduceProd: axesInput18,
  ReduceL1: axesInput18,
  ReduceL2: axesInput18,
  ReduceLogSum: axesInput18,
  ReduceLogSumExp: axesInput18,
  ReduceSumSquare: axesInput18,
  Clip: ({ node, opset }, b) => {
    if (opset >= 11) return b.copy(node)
    const scalar = (name: string) => {
      const attribute = node.attributes.get(name)
      return attribute?.kind === 'float' ? b.constant([attribute.value], []) : ''
    }
    b.copy({ ...without(node, 'min', 'max'), inputs: [node.inputs[0]!, scalar('min'), scalar('max')] })
  },
  Pad: ({ node, opset }, b) => {
    if (opset >= 11) return b.copy(node)
    const value = node.attributes.get('value')
    const moved = attributeToInput(without(node, 'value'), b, [['pads', 1]])
    const fill = value?.kind === 'float' ? [b.constant([value.value], [])] : []
    b.copy({ ...moved, inputs: [...moved.inputs, ...fill] })
  },
  Slice: moved(10, ['starts', 1], ['ends', 2], ['axes', 3]),
  TopK: moved(10, ['k', 1]),
  Dropout: ({ node, opset }, b) => b.copy(opset < 12 ? without(node, 'ratio') : node),
  BatchNormalization: ({ node }, b) => b.copy(without(node, 'spatial')),
  Softmax: grouped,
  LogSoftmax: grouped,
  Split: ({ node, opset }, b) => {
    const split = opset < 13 ? attributeToInput(node, b, [['split', 1]]) : node
    const sized = split.inputs[1] !== undefined && split.inputs[1] !== ''
    const count: Attribute = { kind: 'int', value: node.outputs.length }
    b.copy(sized ? split : { ...split, attributes: new Map([...split.attributes, ['num_outputs', count]]) })
  },
  Upsample: (site, b) => b.copy(asResize(site, b)),
  Resize: (site, b) => b.copy(site.opset < 11 ? asResize(site, b) : site.node),
}

/** Upsample, and Resize of opset 10, are the asymmetric Resize of today. */
function asResize(site: Site, b: GraphBuilder): Node {
  const { node } = site
  const mode = site.string('mode', 'nearest')
  const scales = node.attributes.has('scales')
    ? b.constant(site.floats('scales'), [site.floats('scales').length])
    : node.inputs[1]
  if (scales === undefined) throw new LipError('MODEL_INVALID', `Node '${node.name}' (${node.op}) has no scales.`)
  const attributes: [string, Attribute][] = [
    ['mode', { kind: 'string', value: mode }],
    ['coordinate_transformation_mode', { kind: 'string', value: 'asymmetric' }],
    ...(mode === 'nearest' ? [['nearest_mode', { kind: 'string', value: 'floor' }] as [string, Attribute]] : []),
  ]
  return { ...node, op: 'Resize', inputs: [node.inputs[0]!, '', scales], attributes: new Map(attributes) }
}
