import { LipError } from '../errors.ts'
import type { Attribute, FunctionDefinition, Model, Node } from '../onnx/ir.ts'

/** Far above any real model; stops functions that call each other into billions of nodes. */
const MOST_NODES = 100_000
const DEEPEST = 100

/** Domains in which runtimes have operators of their own: a call there may not mean the function of the file. */
const RUNTIME_DOMAINS = /^(ai\.onnx\b.*|com\.microsoft\b.*|com\.ms\b.*|org\.pytorch\b.*)?$/

export interface Inlined {
  readonly model: Model
  /** Opset of the ai.onnx domain for nodes out of functions that import another version than the model. */
  readonly opsetOf: ReadonlyMap<Node, number>
}

/**
 * Replaces every call of a local function by its body, over and over. Inner names become `<call>/<name>`; attribute
 * references take the caller's value, then the default, and else vanish (the ONNX rule).
 *
 * @throws LipError MODEL_INVALID for functions that call themselves
 */
export function inlineFunctions(model: Model): Inlined {
  const opsetOf = new Map<Node, number>()
  if (model.functions.length === 0) return { model, opsetOf }
  const definitions = new Map(model.functions.map((f) => [key(f.domain, f.name, f.overload), f]))
  const taken = new Set<string>([...model.graph.inputs.map((i) => i.name), ...model.graph.initializers.keys()])
  for (const node of model.graph.nodes) for (const output of node.outputs) taken.add(output)
  const nodes: Node[] = []
  const modelOpset = model.opsets.get('')

  function fresh(name: string): string {
    let unique = name
    for (let k = 2; taken.has(unique); k++) unique = `${name}_${k}`
    taken.add(unique)
    return unique
  }

  function visit(node: Node, opset: number | undefined, depth: number): void {
    // A function in the domain of a runtime's own operators stays a call: prepare refuses it by name.
    const body = RUNTIME_DOMAINS.test(node.domain)
      ? undefined
      : definitions.get(key(node.domain, node.op, node.overload ?? ''))
    if (!body) {
      nodes.push(node)
      if (opset !== undefined && opset !== modelOpset) opsetOf.set(node, opset)
      if (nodes.length > MOST_NODES)
        throw new LipError('MODEL_UNSUPPORTED', `The functions of the model expand to more than ${MOST_NODES} nodes.`)
      return
    }
    if (depth >= DEEPEST) throw new LipError('MODEL_INVALID', `The function '${node.domain}:${node.op}' calls itself.`)
    expand(node, body, depth)
  }

  function expand(call: Node, body: FunctionDefinition, depth: number): void {
    if (call.inputs.length > body.inputs.length || call.outputs.length > body.outputs.length)
      throw new LipError(
        'MODEL_INVALID',
        `Node '${call.name}' gives the function '${call.op}' more inputs or outputs than it has.`,
      )
    const names = new Map<string, string>([['', '']])
    body.inputs.forEach((input, i) => {
      names.set(input, call.inputs[i] ?? '')
    })
    const through: [string, string][] = []
    body.outputs.forEach((output, i) => {
      const outer = call.outputs[i] ?? ''
      if (outer === '') return
      // An output that is also an input, or that two outputs share, needs a copy.
      if (names.has(output)) through.push([names.get(output)!, outer])
      else names.set(output, outer)
    })
    for (const inner of body.nodes)
      for (const output of inner.outputs) if (!names.has(output)) names.set(output, fresh(`${call.name}/${output}`))
    const opset = body.opsets.get('')
    for (const inner of body.nodes)
      visit(
        {
          ...inner,
          name: `${call.name}/${inner.name}`,
          inputs: inner.inputs.map((name) => names.get(name)!),
          outputs: inner.outputs.map((name) => names.get(name)!),
          attributes: bind(inner.attributes, call, body),
        },
        opset,
        depth + 1,
      )
    for (const [from, to] of through)
      nodes.push({
        name: `${call.name}/${to}`,
        op: 'Identity',
        domain: '',
        inputs: [from],
        outputs: [to],
        attributes: new Map(),
      })
  }

  for (const node of model.graph.nodes) visit(node, undefined, 0)
  const domains = new Map(model.opsets)
  const shadowing = model.functions.filter((definition) => definition.domain === '')
  return { model: { ...model, opsets: domains, graph: { ...model.graph, nodes }, functions: shadowing }, opsetOf }
}

function bind(
  attributes: ReadonlyMap<string, Attribute>,
  call: Node,
  body: FunctionDefinition,
): ReadonlyMap<string, Attribute> {
  const bound = new Map<string, Attribute>()
  for (const [name, attribute] of attributes) {
    const value =
      attribute.kind === 'reference'
        ? (call.attributes.get(attribute.value) ?? body.attributes.get(attribute.value))
        : attribute
    // Subgraphs may hold references and captured names of their own; they are refused as control flow anyway.
    if (value) bound.set(name, value)
  }
  return bound
}

function key(domain: string, name: string, overload: string): string {
  return `${domain}\0${name}\0${overload}`
}
