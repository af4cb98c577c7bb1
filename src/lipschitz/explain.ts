import type { TraceStep } from '../report/report.ts'
import type { Analysis } from './analyse.ts'
import { region, single } from './trace.ts'

/**
 * Why a node costs what it costs: the step of the argument that it belongs to, and its own rule beside it.
 *
 * @returns the fused step (or the node's own), its reason and the naive constant; undefined when the model has no such node
 */
export function explain(
  analysis: Analysis,
  nodeName: string,
): { readonly step: TraceStep; readonly own: TraceStep } | undefined {
  const node = analysis.program.nodes.find(({ site }) => site.node.name === nodeName)
  if (!node || !analysis.proof) return undefined
  const { network, constants } = analysis.proof
  const output = node.site.outputs.find(({ name }) => name !== '')!.name
  const own = single(network, constants, output)
  const step = analysis.trace.find(({ nodes }) => nodes?.includes(nodeName))
  if (step) return { step, own }
  const blocks = constants.blocks(output)
  const bases = blocks && [...blocks.keys()].map((base) => network.symbolic.bases[base]!)
  return { step: bases ? region(network, constants, output, bases) : own, own }
}
