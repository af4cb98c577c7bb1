import { LipError } from '../errors.ts'
import { namesRead } from '../onnx/sort-nodes.ts'
import type { Program, Refusal } from './program.ts'

/** Why a tensor is not known: what was refused on the way to it, or that there is no such tensor. */
export function missingTensor(program: Program, name: string): LipError {
  const { graph } = program.model
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const exists = makers.has(name) || graph.initializers.has(name) || graph.inputs.some((input) => input.name === name)
  if (!exists || name === '') return new LipError('MODEL_UNSUPPORTED', `The model has no tensor '${name}'.`)

  const refused = new Map(program.refused.map((refusal) => [refusal.name, refusal]))
  const cause = causeOf(name, program, makers, refused) ?? program.refused[0]
  return new LipError(
    'MODEL_UNSUPPORTED',
    cause
      ? `The tensor '${name}' cannot be computed: '${cause.name}' (${cause.op}) ${cause.reason}.`
      : `The tensor '${name}' is not needed by any output of the model, so nothing is known about it.`,
  )
}

/** The first refusal upstream. */
function causeOf(
  name: string,
  program: Program,
  makers: ReadonlyMap<string, Program['model']['graph']['nodes'][number]>,
  refused: ReadonlyMap<string, Refusal>,
): Refusal | undefined {
  const seen = new Set<string>()
  const open = [name]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at) || program.values.has(at)) continue
    seen.add(at)
    const maker = makers.get(at)
    const found = refused.get(at) ?? (maker && refused.get(maker.name))
    if (found) return found
    if (maker) open.push(...namesRead(maker))
  }
  return undefined
}
