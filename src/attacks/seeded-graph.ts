import { GraphBuilder } from '../onnx/builder.ts'
import type { Model } from '../onnx/ir.ts'

/** Names of the inputs that take the cotangent's place. */
export const SEED_INPUTS = {
  fixed: 'seed/fixed',
  exclude: 'seed/exclude',
  runnerUp: 'seed/runner-up',
  softmax: 'seed/softmax',
} as const

/**
 * Computes the cotangent of a gradient graph from its own logits, so that the gradient of a margin to the strongest other class, or of
 * the cross-entropy, takes one pass instead of two:
 *   cotangent = fixed + runnerUp * onehot(argmax(z + exclude)) + softmax * softmax(z).
 * The one-hot vector is (z' = max z') over its count: equal logits share, which is a point of the subdifferential, and no operator is
 * needed that a GPU provider might lack.
 *
 * @param model a gradient graph with the input `cotangent` and the output `logits`, both of `[batch, classes]` elements
 */
export function seedCotangent(
  model: Model,
  { cotangent, logits, batch, classes }: { cotangent: string; logits: string; batch: number; classes: number },
): Model {
  const { graph } = model
  const builder = new GraphBuilder({ opset: model.opsets.get('') ?? 18, irVersion: model.irVersion, prefix: 'seed/' })
  for (const input of graph.inputs) {
    if (input.name !== cotangent) builder.input(input.name, input.dims ?? [], input.type)
  }
  const dims = graph.inputs.find((input) => input.name === cotangent)?.dims ?? [batch, classes]
  for (const tensor of graph.initializers.values()) builder.store(tensor)
  const seed = () => emitSeed(builder, { cotangent, logits, batch, classes, dims: dims as readonly number[] })
  if (graph.inputs.some((input) => input.name === logits)) seed()
  for (const node of graph.nodes) {
    builder.copy(node)
    if (node.outputs.includes(logits)) seed()
  }
  for (const output of graph.outputs) builder.output(output.name, output.dims ?? [], output.type)
  return builder.build()
}

function emitSeed(
  b: GraphBuilder,
  {
    cotangent,
    logits,
    batch,
    classes,
    dims,
  }: { cotangent: string; logits: string; batch: number; classes: number; dims: readonly number[] },
): void {
  const flat = dims.length === 2 && dims[0] === batch && dims[1] === classes
  const z = flat ? logits : b.node('Reshape', [logits, b.indices([batch, classes])])
  const fixed = b.input(SEED_INPUTS.fixed, [batch, classes])
  const exclude = b.input(SEED_INPUTS.exclude, [batch, classes])
  const runnerUp = b.input(SEED_INPUTS.runnerUp, [batch, 1])
  const softmax = b.input(SEED_INPUTS.softmax, [batch, 1])
  const masked = b.node('Add', [z, exclude])
  const axes = b.indices([1])
  const top = b.node('ReduceMax', [masked, axes], { keepdims: 1 })
  const hot = b.node('Cast', [b.node('Equal', [masked, top])], { to: 1 })
  const oneHot = b.node('Div', [hot, b.node('ReduceSum', [hot, axes], { keepdims: 1 })])
  const soft = b.node('Mul', [b.node('Softmax', [z], { axis: 1 }), softmax])
  const sum = b.node('Add', [fixed, b.node('Mul', [oneHot, runnerUp])])
  const names = { outputs: [cotangent] }
  if (flat) b.node('Add', [sum, soft], {}, names)
  else b.node('Reshape', [b.node('Add', [sum, soft]), b.indices(dims)], {}, names)
}

/** The part of a graph that the given outputs need. */
export function keepOutputs(model: Model, names: readonly string[]): Model {
  const { graph } = model
  const needed = new Set(names)
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((output) => needed.has(output))) return false
      for (const input of node.inputs) needed.add(input)
      return true
    })
    .toReversed()
  return {
    ...model,
    graph: {
      ...graph,
      nodes,
      inputs: graph.inputs.filter((input) => needed.has(input.name)),
      outputs: graph.outputs.filter((output) => names.includes(output.name)),
      initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    },
  }
}
