import { LipError } from '../errors.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Model, Node } from '../onnx/ir.ts'
import { liveNodes } from '../onnx/live-nodes.ts'
import { fromNdArray } from '../onnx/tensor.ts'
import type { Operand } from '../ops/operator.ts'
import { nodesFor } from './evaluate.ts'
import { missingTensor } from './missing-tensor.ts'
import { commonOpset, modernise } from './modernise.ts'
import { prepare } from './prepare.ts'
import type { Program, ProgramNode } from './program.ts'

export interface DifferentiateOptions {
  /** A float32 tensor, as a rule the output. */
  readonly of: string
  /** Inputs or initializers. */
  readonly by: readonly string[]
}

/** Name of the extra input: the cotangent of `of`, in its shape. */
export const COTANGENT = 'cotangent'

/** Name of the output that holds the gradient by `name`. */
export function gradientName(name: string): string {
  return `gradient/${name}`
}

/**
 * Reverse mode as one ONNX graph at fixed sizes: the forward nodes as they are, an extra input `cotangent` in the shape of
 * `of`, and as outputs `of` itself and `gradient/<name>` = (d of / d name)^T cotangent for every name in `by`.
 *
 * Walks the operators' `vjp` rules backwards and adds up where a tensor is read more than once. Kinks are decided by the
 * rules: one side, never a mixture.
 *
 * @throws LipError MODEL_UNSUPPORTED naming the node whose operator has no gradient rule
 */
export function differentiate(program: Program, { of, by }: DifferentiateOptions): Model {
  const variables = by.filter((name) => program.model.graph.initializers.has(name))
  // Weights are constants of a program: made again with them as variables.
  const whole =
    variables.length === 0 ? program : prepare(program.source.model, { ...program.source.options, variables })
  const target = whole.values.get(of)
  if (!target) throw missingTensor(whole, of)
  if (whole.values.has(COTANGENT)) throw unsupported(`The model has a tensor named '${COTANGENT}' of its own.`)
  for (const name of [of, ...by]) {
    const type = whole.values.get(name)?.type
    if (type === undefined) throw missingTensor(whole, name)
    if (type !== 'float32') throw unsupported(`The tensor '${name}' is of type ${type}: gradients are made in float32.`)
  }

  const forward = nodesFor(whole, [of])
  const opset = commonOpset(forward.map(({ site }) => site))
  const b = new GraphBuilder({ name: 'gradient', opset, prefix: 'backward/' })
  const made = new Set(forward.flatMap(({ site }) => site.outputs.map((output) => output.name)))
  for (const name of whole.values.keys()) if (!made.has(name)) b.reserve(name)
  for (const { site } of forward) modernise(site, b)

  const cotangents = backward(whole, forward, { of, by }, b)
  const gradients = by.map((name) => cotangents.get(name) ?? zeros(b, whole.values.get(name)!))
  return assemble(whole, b, opset, target, by, gradients)
}

/** The reverse sweep: the accumulated cotangent of every name in `by` that `of` depends on. */
function backward(
  program: Program,
  forward: readonly ProgramNode[],
  { of, by }: DifferentiateOptions,
  b: GraphBuilder,
): Map<string, string> {
  const active = new Set(by)
  for (const { site } of forward)
    if (site.inputs.some((input) => input && active.has(input.name)))
      for (const output of site.outputs) if (output.name !== '') active.add(output.name)

  const parts = new Map<string, string[]>([[of, [COTANGENT]]])
  const total = (name: string): string | undefined => {
    const terms = parts.get(name)
    if (!terms) return undefined
    if (terms.length > 1) parts.set(name, [b.node(terms.length === 2 ? 'Add' : 'Sum', terms)])
    return parts.get(name)![0]
  }
  for (let i = forward.length - 1; i >= 0; i--) {
    const { site, operator } = forward[i]!
    const wanted = site.inputs.map((input) => input !== undefined && active.has(input.name))
    if (!wanted.includes(true)) continue
    const dys = site.outputs.map((output) => (output.name === '' ? undefined : total(output.name)))
    if (dys.every((dy) => dy === undefined)) continue
    if (!operator.vjp) throw unsupported(`Node '${site.node.name}' (${site.node.op}) has no gradient rule.`)
    const dxs = operator.vjp(site, b, dys, wanted)
    site.inputs.forEach((input, index) => {
      const dx = dxs[index]
      if (!input || !wanted[index] || dx === undefined) return
      const terms = parts.get(input.name)
      if (terms) terms.push(dx)
      else parts.set(input.name, [dx])
    })
  }
  const found = new Map<string, string>()
  for (const name of by) {
    const gradient = program.values.has(name) ? total(name) : undefined
    if (gradient !== undefined) found.set(name, gradient)
  }
  return found
}

function zeros(b: GraphBuilder, { dims }: Operand): string {
  return b.node('Expand', [b.constant([0]), b.indices(dims)])
}

/** Names the outputs, adds the constants that are read, and leaves out what nothing reads. */
function assemble(
  program: Program,
  b: GraphBuilder,
  opset: number,
  target: Operand,
  by: readonly string[],
  gradients: readonly string[],
): Model {
  const outputs = by.map((name, i) => ({
    name: b.node('Identity', [gradients[i]!], {}, { outputs: [gradientName(name)] }),
    type: 'float32' as const,
    dims: program.values.get(name)!.dims,
  }))
  const out = { name: target.name, type: target.type, dims: target.dims }
  const draft = b.draft()
  const wanted = [target.name, ...outputs.map((output) => output.name)]

  const made = new Set(draft.nodes.flatMap((node) => node.outputs))
  const constants = new GraphBuilder({ opset, prefix: 'constant/' })
  const stored = new Set<string>()
  const nodes: Node[] = [...draft.nodes]
  /** A constant by name: as stored, or by the nodes that the file computes it with where that rounds. */
  const need = (name: string): void => {
    if (name === '' || made.has(name) || stored.has(name) || draft.initializers.has(name)) return
    const operand = program.values.get(name)
    if (!operand || program.inputs.some((input) => input.name === name)) return
    stored.add(name)
    const initializer = program.model.graph.initializers.get(name)
    if (initializer) {
      constants.store(initializer)
      return
    }
    const { constant } = operand
    if (!constant) throw new Error(`'${name}' is neither made nor constant`)
    const site = program.folded.get(name)
    if (!constant.relativeError || !site || commonOpset([site]) > opset) {
      constants.store(fromNdArray(name, constant))
      return
    }
    for (const output of site.node.outputs) made.add(output)
    modernise(site, constants)
    for (const input of site.node.inputs) need(input)
  }
  for (const node of liveNodes(nodes, wanted)) for (const input of node.inputs) need(input)
  need(target.name)
  const extra = constants.draft()
  nodes.push(...extra.nodes)
  const live = liveNodes(nodes, wanted)
  const read = new Set([...wanted, ...live.flatMap((node) => node.inputs)])
  const initializers = new Map([...draft.initializers, ...extra.initializers].filter(([name]) => read.has(name)))
  const inputs = program.inputs.map(({ name, type, dims }) => ({ name, type, dims }))
  return {
    irVersion: 10,
    opsets: new Map([['', opset]]),
    producerName: 'lip-onnx',
    producerVersion: '',
    metadata: new Map(),
    graph: {
      name: 'gradient',
      nodes: live,
      inputs: [...inputs, { name: COTANGENT, type: 'float32', dims: target.dims }],
      outputs: [out, ...outputs],
      initializers,
    },
    functions: [],
  }
}

function unsupported(message: string): LipError {
  return new LipError('MODEL_UNSUPPORTED', message)
}
