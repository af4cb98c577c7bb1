/**
 * The last affine segment: everything between the features (the last tensor that is no affine image of an earlier one) and
 * the logits. Its rows are carried back through every node by the operators' own adjoints, in float64.
 * @module
 */
import { differentiate, gradientName } from '../graph/differentiate.ts'
import { evaluate, nodesFor } from '../graph/evaluate.ts'
import { prepare } from '../graph/prepare.ts'
import type { Program, ProgramNode } from '../graph/program.ts'
import type { NdArray } from '../onnx/ir.ts'
import { sumUp, timesUp } from '../ops/sum-up.ts'
import type { Network } from './network.ts'
import { applyRule, hasExactAdjoint } from './node-rule.ts'

/** Outputs of more elements are not treated one by one. */
export const MOST_CLASSES = 2048
/** Numbers in the rows by the features, where there is a choice. */
const MOST_ENTRIES = 5e6

export interface Trailing {
  /** The features: input of the last affine segment; the logits themselves when there is none. */
  readonly features: string
  readonly logits: string
  readonly classes: number
  /** Nodes between them, in order. */
  readonly nodes: readonly ProgramNode[]
  /** For each tensor of the segment but the logits: row k is the gradient of logit k by that tensor. */
  readonly rows: ReadonlyMap<string, readonly Float64Array[]>
  /** Bound on the Euclidean error of every row by the features. */
  readonly rowError: number
  /** The same by every tensor of `rows`: what lies behind a tensor may be far larger than the whole segment. */
  readonly rowErrors: ReadonlyMap<string, number>
}

/** tensor -> the earliest tensor that it is an affine image of (itself when a non-linear node made it). */
export function affineBases(network: Network): Map<string, string> {
  const bases = new Map<string, string>()
  for (const { name } of network.program.inputs) bases.set(name, name)
  for (const node of network.program.nodes) {
    const rule = network.rule(node)
    const linear = rule.kind === 'move' || rule.kind === 'affine' || (rule.kind === 'combine' && rule.linear)
    const from = new Set(
      node.site.inputs.flatMap((input) => (input && !input.constant ? [bases.get(input.name)!] : [])),
    )
    node.site.outputs.forEach(({ name }, k) => {
      if (name === '') return
      const known = linear && from.size === 1 && (!rule.outputs || rule.outputs.includes(k))
      bases.set(name, known ? [...from][0]! : name)
    })
  }
  return bases
}

/** The part of a program between two tensors, as a program of its own. */
export function between(program: Program, from: string, to: string): Program {
  const start = program.values.get(from)!
  const cut: Program = { ...program, inputs: [{ name: from, type: start.type, dims: start.dims }] }
  const later = new Set([from])
  const nodes = program.nodes.filter(({ site }) => {
    const reached = site.inputs.some((input) => input && later.has(input.name))
    if (reached) for (const output of site.outputs) later.add(output.name)
    return reached && !site.outputs.some((output) => output.name === from)
  })
  const live = nodesFor({ ...cut, nodes }, [to])
  return { ...cut, nodes: live, outputs: [program.values.get(to)!] }
}

/** @throws LipError MODEL_UNSUPPORTED when an operator of the segment has no adjoint */
export function openTrailing(network: Network, logits: string): Trailing {
  const { program } = network
  const operand = program.values.get(logits)!
  const classes = sizeOf(operand.dims)
  const widest = affineBases(network).get(logits) ?? logits
  const features = narrower(program, widest, logits, classes)
  const none = { features, logits, classes, nodes: [], rows: new Map(), rowError: 0, rowErrors: new Map() }
  if (features === logits) return none
  // An image is no row of logits: its elements are bounded all together.
  if (classes > MOST_CLASSES) return none
  const segment = between(program, features, logits)
  const inner = segment.nodes.flatMap(({ site }) => site.outputs.map((output) => output.name))
  const names = [features, ...inner.filter((name) => name !== '' && name !== logits)]
  const rows = gradients(segment, logits, operand.dims, names)
  const rowErrors = rowErrorsOf(network, segment, features, logits)
  return { features, logits, classes, nodes: segment.nodes, rows, rowError: rowErrors.get(features)!, rowErrors }
}

/**
 * Rows by a wide map cost classes times its size: where that is much, the features are the first narrow enough tensor of the
 * segment that all ways to the logits lead through (behind a GlobalAveragePool, whose rows are alike, nothing is lost).
 */
function narrower(program: Program, widest: string, logits: string, classes: number): string {
  const fits = (name: string): boolean => classes * sizeOf(program.values.get(name)!.dims) <= MOST_ENTRIES
  if (fits(widest)) return widest
  for (const { site } of between(program, widest, logits).nodes)
    for (const { name } of site.outputs) {
      if (name === '' || name === logits || !fits(name)) continue
      const rest = between(program, name, logits)
      const made = new Set([name, ...rest.nodes.flatMap((node) => node.site.outputs.map((output) => output.name))])
      const inputs = rest.nodes.flatMap((node) => node.site.inputs)
      if (inputs.every((input) => !input || input.constant || made.has(input.name))) return name
    }
  return widest
}

function gradients(
  segment: Program,
  logits: string,
  dims: readonly number[],
  names: readonly string[],
): Map<string, Float64Array[]> {
  const backward = prepare(differentiate(segment, { of: logits, by: names }), { batch: segment.batch })
  const [input] = segment.inputs
  const start: NdArray = { type: 'float32', dims: input!.dims, data: new Float64Array(sizeOf(input!.dims)) }
  const wanted = names.map(gradientName)
  const rows = new Map<string, Float64Array[]>(names.map((name) => [name, []]))
  for (let k = 0; k < sizeOf(dims); k++) {
    const data = new Float64Array(sizeOf(dims))
    data[k] = 1
    const feeds = new Map([
      [input!.name, start],
      ['cotangent', { type: 'float32' as const, dims, data }],
    ])
    const found = evaluate(backward, feeds, wanted)
    for (const [i, name] of names.entries()) rows.get(name)!.push(found.get(wanted[i]!)!.data)
  }
  return rows
}

/**
 * |fl(e_k A_m .. A_1) - e_k A_m .. A_1| <= sum of g(terms) * product of || |A| ||: a product of matrices in float64, for
 * which the forward and the adjoint sums have at most as many terms as the larger side of a node; where the adjoint is
 * written with a rounded constant (1/49 of a pooling window), its half ulp of float32 is paid as well. By the features the product is
 * carried forwards; by a tensor inside, the products along all ways from it to the logits are added up.
 */
function rowErrorsOf(network: Network, segment: Program, features: string, logits: string): Map<string, number> {
  let terms = 0
  let constantError = 0
  let rounded = 0
  for (const node of segment.nodes) {
    const { site } = node
    if (!hasExactAdjoint(network, node)) rounded++
    const sizes = [...site.inputs, ...site.outputs].flatMap((tensor) => (tensor ? [sizeOf(tensor.dims)] : []))
    terms += Math.max(0, ...sizes) + 4
    constantError += Math.max(0, ...site.inputs.map((input) => input?.constant?.relativeError ?? 0))
  }
  const size = new Map<string, number>([[features, 1]])
  const absolute = (node: ProgramNode): number => network.linear.get(node)!.absolute()
  for (const node of segment.nodes)
    node.site.outputs.forEach(({ name }, output) => {
      if (name !== '')
        size.set(
          name,
          applyRule(network, { node, output }, (input) => size.get(input) ?? 0, absolute),
        )
    })
  // One exact copy of a weight matrix rounds nothing.
  const [only] = segment.nodes
  if (segment.nodes.length === 1 && rounded === 0 && network.linear.get(only!)?.structure.kind === 'matrix')
    return new Map([[features, 0]])
  const share = terms * 2 ** -52 + 2 * constantError + rounded * 2 ** -23
  const behind = new Map<string, number>([[logits, 1]])
  for (const node of segment.nodes.toReversed())
    for (const name of new Set(node.site.inputs.flatMap((input) => (input && !input.constant ? [input.name] : []))))
      node.site.outputs.forEach((out, output) => {
        const rest = behind.get(out.name)
        if (out.name === '' || rest === undefined) return
        const gain = applyRule(network, { node, output }, (input) => (input === name ? 1 : 0), absolute)
        behind.set(name, sumUp([behind.get(name) ?? 0, timesUp(gain, rest)]))
      })
  const sizes = behind.set(features, size.get(logits)!)
  return new Map([...sizes].filter(([name]) => name !== logits).map(([name, bound]) => [name, timesUp(bound, share)]))
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
