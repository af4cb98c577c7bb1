import { LipError } from '../errors.ts'
import type { Graph, Model, Node } from './ir.ts'
import { sortNodes } from './sort-nodes.ts'

/**
 * A graph must be one: every name written once, every name that is read written somewhere, no cycle.
 *
 * @throws LipError MODEL_INVALID that names the value or node
 */
export function checkModel(model: Model): void {
  checkGraph(model.graph, new Set(), 'the graph')
  const seen = new Set<string>()
  for (const definition of model.functions) {
    const key = `${definition.domain}:${definition.name}:${definition.overload}`
    if (seen.has(key)) throw invalid(`Two functions are named '${definition.domain}:${definition.name}'`)
    seen.add(key)
    const where = `function '${definition.name}'`
    const values = new Set<string>()
    for (const input of definition.inputs) declare(values, input, where)
    checkNodes(definition.nodes, values, new Set(), where)
    for (const output of definition.outputs)
      if (!values.has(output)) throw invalid(`The output '${output}' of ${where} is made by no node`)
  }
}

function checkGraph(graph: Graph, outer: ReadonlySet<string>, where: string): void {
  const values = new Set<string>()
  for (const input of graph.inputs) declare(values, input.name, where)
  // An initializer may carry the name of an input: its default value.
  for (const name of graph.initializers.keys()) {
    if (name === '') throw invalid(`An initializer of ${where} has no name`)
    values.add(name)
  }
  checkNodes(graph.nodes, values, outer, where)
  const outputs = new Set<string>()
  for (const { name } of graph.outputs) {
    if (!values.has(name) && !outer.has(name)) throw invalid(`The output '${name}' of ${where} is made by no node`)
    if (outputs.has(name)) throw invalid(`The output '${name}' of ${where} is listed twice`)
    outputs.add(name)
  }
}

function checkNodes(nodes: readonly Node[], values: Set<string>, outer: ReadonlySet<string>, where: string): void {
  for (const node of nodes) for (const output of node.outputs) if (output !== '') declare(values, output, where)
  for (const node of nodes) {
    for (const input of node.inputs)
      if (input !== '' && !values.has(input) && !outer.has(input))
        throw invalid(`Node '${node.name}' (${node.op}) reads '${input}', which nothing in ${where} makes`)
    for (const attribute of node.attributes.values())
      if (attribute.kind === 'graph')
        checkGraph(attribute.value, new Set([...outer, ...values]), `a subgraph of node '${node.name}'`)
  }
  sortNodes(nodes)
}

function declare(values: Set<string>, name: string, where: string): void {
  if (name === '') throw invalid(`An input of ${where} has no name`)
  if (values.has(name)) throw invalid(`The name '${name}' is given twice in ${where}`)
  values.add(name)
}

function invalid(message: string): LipError {
  return new LipError('MODEL_INVALID', `${message}.`, { hint: 'Check the file with onnx.checker.' })
}
