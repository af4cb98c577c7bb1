import { evaluate } from '../graph/evaluate.ts'
import type { Program, ProgramNode } from '../graph/program.ts'
import type { Enclosure } from '../linalg/enclosure.ts'
import type { NdArray } from '../onnx/ir.ts'
import type { Network } from './network.ts'
import { applyRule } from './node-rule.ts'
import { encloseStructure } from './norms/index.ts'

/** Largest side of a matrix that is written out. */
const LARGEST_SIDE = 600
const LARGEST_MATRIX = 2 ** 21
/** Multiplications that writing it out may take. */
const LARGEST_WORK = 3e8

/**
 * The norm of a small segment from its dense matrix: column k is the segment at the k-th unit vector less the segment at
 * zero, in float64; what rounding may have changed is added to the norm.
 *
 * @returns undefined when the segment is too large to be written out
 */
export function denseSegment(network: Network, segment: Program, base: string, name: string): Enclosure | undefined {
  const input = segment.values.get(base)!
  const columns = sizeOf(input.dims)
  const rows = sizeOf(segment.values.get(name)!.dims)
  if (columns > LARGEST_SIDE || rows * columns > LARGEST_MATRIX || workOf(segment) * columns > LARGEST_WORK)
    return undefined
  const run = (data: Float64Array): Float64Array => {
    const feed: NdArray = { type: input.type, dims: input.dims, data }
    return evaluate(segment, new Map([[base, feed]]), [name]).get(name)!.data
  }
  const offset = run(new Float64Array(columns))
  const data = new Float64Array(rows * columns)
  for (let k = 0; k < columns; k++) {
    const unit = new Float64Array(columns)
    unit[k] = 1
    const column = run(unit)
    for (let i = 0; i < rows; i++) data[i * columns + k] = column[i]! - offset[i]!
  }
  const perturbation = roundingOf(network, segment, base, name) * Math.sqrt(columns)
  const matrix: NdArray = { type: 'float64', dims: [rows, columns], data }
  const enclosure = encloseStructure({ kind: 'matrix', matrix, ...(perturbation > 0 ? { perturbation } : {}) })
  return { ...enclosure, method: `segment-${enclosure.method}` }
}

/** Bound on the float64 error of one column: every node adds g(terms) (|T| |h| + |b|), and |T| carries on what was there. */
function roundingOf(network: Network, segment: Program, base: string, name: string): number {
  const size = new Map([[base, 1]])
  const error = new Map([[base, 0]])
  const absolute = (node: ProgramNode): number => network.linear.get(node)!.absolute()
  for (const node of segment.nodes) {
    const { site } = node
    const sizes = [...site.inputs, ...site.outputs].flatMap((tensor) => (tensor ? [sizeOf(tensor.dims)] : []))
    const grow = (Math.max(0, ...sizes) + 8) * 2 ** -52
    const constantError = Math.max(0, ...site.inputs.map((input) => input?.constant?.relativeError ?? 0))
    const zeros = site.inputs.map(
      (input) => input && (input.constant ?? { ...input, data: new Float64Array(sizeOf(input.dims)) }),
    )
    const biases = node.operator.evaluate(site, zeros)
    site.outputs.forEach((output, k) => {
      if (output.name === '') return
      const bias = Math.hypot(...[biases[k]!.data.reduce((sum, value) => Math.hypot(sum, value), 0)])
      const carried = applyRule(network, { node, output: k }, (input) => size.get(input) ?? 0, absolute)
      const before = applyRule(network, { node, output: k }, (input) => error.get(input) ?? 0, absolute)
      size.set(output.name, (carried + bias) * (1 + 2 ** -40))
      error.set(output.name, (before + (grow + 2 * constantError) * (carried + bias)) * (1 + 2 ** -40))
    })
  }
  // The column and the offset, and their difference.
  return 2.5 * error.get(name)! + size.get(name)! * 2 ** -52
}

/** Multiplications of one evaluation, roughly. */
function workOf(segment: Program): number {
  let work = 0
  for (const { site } of segment.nodes) {
    const weights = Math.max(1, ...site.inputs.map((input) => (input?.constant ? sizeOf(input.constant.dims) : 1)))
    const outputs = site.outputs.reduce((sum, output) => sum + sizeOf(output.dims), 0)
    const channels = site.outputs[0]!.dims[1] ?? 1
    work += outputs * Math.max(1, weights / channels)
  }
  return work
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
