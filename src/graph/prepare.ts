import { LipError } from '../errors.ts'
import { checkModel } from '../onnx/check-model.ts'
import { isFloat } from '../onnx/element-types.ts'
import type { ElementType, Model, NdArray, Node, Shape } from '../onnx/ir.ts'
import { liveNodes } from '../onnx/live-nodes.ts'
import { NEWEST_IR } from '../onnx/schema.ts'
import { namesRead } from '../onnx/sort-nodes.ts'
import { toNdArray } from '../onnx/tensor.ts'
import { roomOf } from '../ops/index.ts'
import type { Operand, Operator, Site, TensorType } from '../ops/operator.ts'
import { beyondSignature } from '../ops/signatures.ts'
import { createSite } from '../ops/site.ts'
import { checkResult } from './check-result.ts'
import { inlineFunctions } from './inline-functions.ts'
import { fixInputShapes } from './input-shapes.ts'
import type { PrepareOptions, Program, ProgramNode, Refusal } from './program.ts'
import { roundingOfFold } from './rounding-of-fold.ts'
import { unrollSequences } from './unroll-sequences.ts'

/** No tensor of a network that anybody runs is larger (16 GB of float64); stops shapes made up to exhaust memory. */
const MOST_ELEMENTS = 2 ** 31
/** The same for constants, which are computed at once. */
const MOST_FOLDED_ELEMENTS = 2 ** 27

/**
 * Fixes sizes, inlines functions, infers shapes room by room and folds what does not depend on the inputs (shape
 * arithmetic included: at a fixed batch the shape of every tensor is a constant).
 *
 * What has no rule is refused by name, never guessed; downstream of it nothing is known.
 *
 * @throws LipError MODEL_INVALID for graphs that are none; MODEL_UNSUPPORTED for open dimensions that were not given
 */
export function prepare(model: Model, options: PrepareOptions): Program {
  const called = inlineFunctions(model)
  const inlined = { ...called, model: unrollSequences(called.model, (node) => called.opsetOf.has(node)) }
  if (inlined.model !== model) checkModel(inlined.model)
  const { graph } = inlined.model
  const opset = model.opsets.get('') ?? 0
  const refused: Refusal[] = []
  const refuse = (name: string, op: string, reason: string) => refused.push({ name, op, reason })

  if (model.irVersion > NEWEST_IR)
    refuse('model', 'model', `is of IR version ${model.irVersion}, newer than ${NEWEST_IR}, whose meaning is not known`)

  const nodes = liveNodes(
    graph.nodes,
    graph.outputs.map((output) => output.name),
  )
  const read = new Set(graph.outputs.map((output) => output.name))
  for (const node of nodes) for (const name of namesRead(node)) read.add(name)

  const values = new Map<string, Operand>()
  const dynamic = new Set<string>()
  const variables = new Set(options.variables)
  for (const name of variables)
    if (!graph.initializers.has(name)) throw new LipError('USAGE', `The model has no initializer named '${name}'.`)

  const free = graph.inputs.filter((input) => !graph.initializers.has(input.name))
  const { shapes, batch } = fixInputShapes(
    free.filter((input) => input.type !== 'undefined'),
    options,
  )
  const inputs: Operand[] = []
  for (const { name, type } of free) {
    if (type === 'undefined' || type === 'string') {
      refuse(name, 'input', type === 'string' ? 'is a tensor of strings' : 'is not a tensor')
      continue
    }
    const operand = { name, type, dims: shapes.get(name)! }
    inputs.push(operand)
    values.set(name, operand)
    dynamic.add(name)
    if (type !== 'float32' && read.has(name))
      refuse(name, 'input', `is of type ${type}: proofs are made for float32 networks`)
  }

  // Before IR 4 every initializer had to be listed as an input and runtimes treat it as constant; since then listing it
  // means that callers may put another tensor in its place.
  const listed = new Set(model.irVersion >= 4 ? graph.inputs.map((input) => input.name) : [])
  for (const [name, stored] of graph.initializers) {
    if (!read.has(name)) continue
    if (listed.has(name)) {
      refuse(name, 'initializer', 'is also a graph input, so callers may override it: it is not a constant of the file')
      continue
    }
    const array = arrayOf(() => toNdArray(stored))
    if (!array) {
      refuse(name, 'initializer', `is of type ${stored.type}, which has no rules`)
      continue
    }
    const operand = { name, type: stored.type, dims: stored.dims }
    if (variables.has(name)) dynamic.add(name)
    values.set(name, variables.has(name) ? operand : { ...operand, constant: array })
  }

  const program: ProgramNode[] = []
  const folded = new Map<string, Site>()
  for (const node of nodes) {
    // Behind a refused node: nothing is known, and the refusal stands there already.
    if (node.inputs.some((name) => name !== '' && !values.has(name))) continue
    const operands = node.inputs.map((name) => (name === '' ? undefined : values.get(name)!))
    const placed = place(node, inlined.opsetOf.get(node) ?? opset, operands, inlined.model, refuse)
    if (!placed) continue
    const { operator, site, types } = placed
    const outputs = node.outputs.map((name, i): Operand => ({ name, ...types[i]! }))
    const whole = createSite(node, site.opset, operands, outputs)
    const depends = (name: string, index: number) => dynamic.has(name) && !operator.typeOnlyInputs?.includes(index)
    if (node.inputs.some(depends) && !operator.shapeOnly) {
      for (const output of outputs) {
        if (output.name === '') continue
        values.set(output.name, output)
        dynamic.add(output.name)
      }
      const odd = outputs.find((output) => read.has(output.name) && isOddFloat(output.type))
      if (odd) refuse(node.name, node.op, `computes in ${odd.type}: proofs are made for float32 networks`)
      program.push({ operator, dynamic: true, site: whole })
      continue
    }
    const size = types.reduce((sum, type) => sum + elements(type.dims), 0)
    if (size > MOST_FOLDED_ELEMENTS) {
      refuse(node.name, node.op, `would make a constant of ${size} elements`)
      continue
    }
    const made = supported(node, refuse, () => fold(operator, whole))
    for (const operand of made ?? []) {
      values.set(operand.name, operand)
      folded.set(operand.name, whole)
    }
  }
  refuseOddConstants(program, graph.outputs, values, refuse)

  return {
    model: inlined.model,
    batch,
    nodes: program,
    inputs,
    outputs: graph.outputs.flatMap((output) => values.get(output.name) ?? []),
    values,
    folded,
    refused,
    source: { model, options },
  }
}

type Refuse = (name: string, op: string, reason: string) => void

/** The node's room, place and output types; undefined when it is refused. */
function place(
  node: Node,
  opset: number,
  operands: readonly (Operand | undefined)[],
  model: Model,
  refuse: Refuse,
): { operator: Operator; site: Site; types: readonly TensorType[] } | undefined {
  const operator = roomOf(node.op, node.domain, opset)
  if (!operator) {
    refuse(node.name, node.op, whyNoRoom(node, opset))
    return undefined
  }
  if (model.functions.some((f) => f.domain === '' && f.name === node.op)) {
    refuse(node.name, node.op, 'is a standard operator that a local function of the model redefines')
    return undefined
  }
  for (const [name, attribute] of node.attributes)
    if (attribute.kind === 'other' || attribute.kind === 'reference' || attribute.kind === 'graph') {
      refuse(node.name, node.op, `has an attribute '${name}' that is not supported (${attribute.kind})`)
      return undefined
    }
  const beyond = beyondSignature(node)
  if (beyond !== undefined) {
    refuse(node.name, node.op, beyond)
    return undefined
  }
  const site = createSite(node, opset, operands)
  const types = supported(node, refuse, () => operator.shape(site))
  if (!types) return undefined
  const bad = types.flatMap((type) => type.dims).find((dim) => !(Number.isInteger(dim) && dim >= 0))
  if (bad !== undefined)
    throw new LipError('MODEL_INVALID', `Node '${node.name}' (${node.op}) makes a dimension of size ${bad}.`)
  const absent = node.outputs.findIndex((name, i) => name !== '' && !types[i])
  const huge = types.find((type) => !(elements(type.dims) <= MOST_ELEMENTS))
  if (absent < 0 && !huge) return { operator, site, types }
  refuse(
    node.name,
    node.op,
    huge ? `makes a tensor of ${elements(huge.dims)} elements` : `has no rule for its output ${absent}`,
  )
  return undefined
}

/** What a room makes of a node; undefined when this use of the operator has no rule, which is refused by name. */
function supported<T>(node: Node, refuse: Refuse, make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof LipError) || error.code !== 'MODEL_UNSUPPORTED') throw error
    refuse(node.name, node.op, error.message)
    return undefined
  }
}

/** The outputs of a node whose inputs are constants (or of which only the shapes matter). */
function fold(operator: Operator, site: Site): readonly Operand[] {
  const arrays = site.inputs.map((operand) => operand && (operand.constant ?? shapeOf(operand)))
  const results = operator.evaluate(site, arrays)
  return site.outputs.flatMap((output, i) => {
    const result = results[i]
    if (output.name === '' || !result) return []
    checkResult(site, i, result)
    const relativeError = roundingOfFold(operator, site, arrays, result)
    return { ...output, constant: relativeError === 0 ? result : { ...result, relativeError } }
  })
}

function whyNoRoom(node: Node, opset: number): string {
  if (node.domain !== '') return `no rule: operators of the domain '${node.domain}' are not known`
  if ([...node.attributes.values()].some((attribute) => attribute.kind === 'graph')) return 'no rule: control flow'
  return roomOf(node.op, '', 18) || roomOf(node.op, '', 13) ? `no rule at opset ${opset}` : 'no rule for this operator'
}

/** A NaN or infinite weight can never be proved, nor one of a type that runs in other arithmetic. */
function refuseOddConstants(
  program: readonly ProgramNode[],
  outputs: readonly { readonly name: string }[],
  values: ReadonlyMap<string, Operand>,
  refuse: Refuse,
): void {
  const used = new Set<string>(outputs.map((output) => output.name))
  for (const { site } of program) for (const input of site.inputs) if (input) used.add(input.name)
  for (const name of used) {
    const constant = values.get(name)?.constant
    if (!constant || !isFloat(constant.type)) continue
    if (isOddFloat(constant.type))
      refuse(name, 'constant', `is of type ${constant.type}: proofs are made for float32 networks`)
    else if (!constant.data.every(Number.isFinite)) refuse(name, 'constant', 'contains NaN or infinite elements')
  }
}

function isOddFloat(type: ElementType): boolean {
  return type !== 'float32' && isFloat(type)
}

function elements(dims: Shape): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

function shapeOf(operand: Operand): NdArray {
  return { type: operand.type, dims: operand.dims, data: new Float64Array(0) }
}

function arrayOf(make: () => NdArray): NdArray | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof LipError && error.code === 'MODEL_UNSUPPORTED') return undefined
    throw error
  }
}
