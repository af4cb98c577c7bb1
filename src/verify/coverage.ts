import type { Program } from '../graph/program.ts'
import type { Report } from '../report/report.ts'

/** How much of the graph has rules: nodes whose outputs are all known, of the nodes there are; and what was refused. */
export function coverageOf(program: Program): Report['coverage'] {
  const { nodes } = program.model.graph
  const refused = new Set(program.refused.map((refusal) => refusal.name))
  // A node that no output needs is not looked at: it counts as handled, for nothing is asked of it.
  const unknown = nodes.filter(
    (node) =>
      refused.has(node.name) ||
      node.inputs.some((name) => name !== '' && !program.values.has(name) && isNeeded(program, name)),
  )
  return { nodes: nodes.length, handled: nodes.length - unknown.length, refused: program.refused }
}

/** True when the tensor is downstream of something refused (dead nodes' tensors are unknown too, and refused by nobody). */
function isNeeded(program: Program, name: string): boolean {
  const maker = program.model.graph.nodes.find((node) => node.outputs.includes(name))
  if (!maker) return true
  return (
    program.refused.some((refusal) => refusal.name === maker.name) ||
    maker.inputs.some((input) => input !== '' && !program.values.has(input) && isNeeded(program, input))
  )
}
