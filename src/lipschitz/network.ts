/**
 * A program with everything that the proof asks of it: who makes which tensor, tensors as expressions, norms of the linear
 * nodes.
 * @module
 */
import { runSymbolically, type SymbolicRun } from '../graph/fusion/symbolic-run.ts'
import type { Program, ProgramNode } from '../graph/program.ts'
import type { Enclosure } from '../linalg/enclosure.ts'
import type { LinearStructure, LipschitzRule } from '../ops/operator.ts'
import type { EverySize } from './every-size.ts'
import { absoluteNorm, type EncloseAllOptions, encloseAll, encloseStructure } from './norms/index.ts'

export interface Producer {
  readonly node: ProgramNode
  /** Position among the node's outputs. */
  readonly output: number
}

export interface LinearNode {
  readonly node: ProgramNode
  readonly structure: LinearStructure
  readonly enclosure: Enclosure
  /** Upper bound of || |T| ||, computed when asked for. */
  absolute(): number
}

export interface Network {
  readonly program: Program
  readonly symbolic: SymbolicRun
  readonly producers: ReadonlyMap<string, Producer>
  readonly linear: ReadonlyMap<ProgramNode, LinearNode>
  rule(node: ProgramNode): LipschitzRule
  /** The norm of another linear map, for the same sizes: for the program's, or for every one. */
  enclose(structure: LinearStructure): Enclosure
  /** Bounds are to hold for every size of the open axes. */
  readonly everySize: boolean
  /** What the node computes with is the same for all sizes that bounds are to hold for. */
  steady(node: ProgramNode): boolean
}

export interface NetworkOptions extends EncloseAllOptions {
  readonly sizes?: EverySize
}

/** A constant that is not a number, because an attribute of the node is not, proves nothing. */
function wellFormed(rule: LipschitzRule): LipschitzRule {
  if (rule.kind !== 'constant' && rule.kind !== 'monotone-head') return rule
  if (rule.value >= 0 && rule.value < Number.POSITIVE_INFINITY) return rule
  return { kind: 'unbounded', because: 'a parameter of the node is infinite or not a number' }
}

export async function openNetwork(program: Program, options: NetworkOptions = {}): Promise<Network> {
  const { sizes, ...all } = options
  const norm = sizes ? { ...all, everySize: true } : all
  const rules = new Map<ProgramNode, LipschitzRule>(
    program.nodes.map((node) => {
      const own = wellFormed(node.operator.lipschitz(node.site))
      return [node, sizes ? sizes.rule(node, own) : own]
    }),
  )
  const producers = new Map<string, Producer>()
  for (const node of program.nodes)
    node.site.outputs.forEach(({ name }, output) => {
      if (name !== '') producers.set(name, { node, output })
    })
  const found = program.nodes.flatMap((node) => {
    const rule = rules.get(node)!
    return rule.kind === 'affine' ? [{ node, structure: rule.structure }] : []
  })
  let symbolic: SymbolicRun | undefined
  const enclosures = await encloseAll(
    found.map(({ structure }) => structure),
    norm,
    () => {
      symbolic = runSymbolically(program, sizes?.fuses)
    },
  )
  const linear = found.map(({ node, structure }, k): [ProgramNode, LinearNode] => {
    let absolute: number | undefined
    return [
      node,
      { node, structure, enclosure: enclosures[k]!, absolute: () => (absolute ??= absoluteNorm(structure)) },
    ]
  })
  // Segments of convolutions are not followed for every size: each is a step of its own.
  if (sizes)
    for (const [node, { structure, enclosure }] of linear)
      if (structure.kind === 'convolution')
        rules.set(node, {
          kind: 'constant',
          value: enclosure.upper,
          because: 'the supremum of its symbol over all frequencies, for every height and width',
        })
  const { workers: _, onProgress: __, late: ___, ...plain } = norm
  return {
    program,
    enclose: (structure) => encloseStructure(structure, plain),
    everySize: sizes !== undefined,
    steady: (node) => sizes?.steady(node) ?? true,
    symbolic: symbolic!,
    producers,
    linear: new Map(linear),
    rule: (node) => rules.get(node)!,
  }
}

/** Convolutions and matrices with weights of the file, as opposed to pooling, scaling and reductions. */
export function isLayer({ node, structure }: LinearNode): boolean {
  if (structure.kind !== 'convolution' && structure.kind !== 'matrix' && structure.kind !== 'blocks') return false
  return node.site.inputs.some((input) => input?.constant && input.constant.dims.length > 1)
}
