import { isFloat } from '../onnx/element-types.ts'
import type { NdArray } from '../onnx/ir.ts'
import { broadcastIndex } from '../ops/broadcast.ts'
import { sameDims } from '../ops/dims.ts'
import type { Operand } from '../ops/operator.ts'
import type { Program, ProgramNode } from './program.ts'

export interface RowIndependence {
  readonly independent: boolean
  /** The node (or output) where the rows meet. */
  readonly node?: string
  readonly reason?: string
}

/** Tag of an element: 0 = depends on no input, r + 1 = on row r of the inputs only, MIXED = on several rows. */
const MIXED = -1

/**
 * Proves that row i of every output depends on row i of the inputs only, so that what is proved for one sample holds for
 * every sample of a batch. Prepare the program at a batch of 2 (or of the size that will run): tags of elements are carried
 * through the graph.
 *
 * Sound because each step over-approximates: movement is run on the tags themselves (its result commutes with relabelling);
 * element by element, tags that meet are joined; a 'rows' rule joins the tags of one row; anything else joins everything.
 * A constant that is moved among data may look like a tag, which can only add a dependence.
 */
export function provesRowIndependence(program: Program): RowIndependence {
  const [first] = program.refused
  const open = program.model.graph.outputs.find((output) => !program.values.has(output.name))
  if (open)
    return {
      independent: false,
      node: first?.name ?? open.name,
      reason: first ? `${first.op} ${first.reason}` : 'the output is not known',
    }

  const tags = new Map<string, NdArray>()
  for (const input of program.inputs) tags.set(input.name, rowTags(input))
  let meeting: RowIndependence | undefined
  for (const node of program.nodes) {
    const outputs = tagsOf(node, tags)
    node.site.outputs.forEach((output, i) => {
      if (output.name === '') return
      const tag = outputs[i]!
      tags.set(output.name, tag)
      const clean = node.site.inputs.every((input) => !input || !tags.get(input.name)?.data.includes(MIXED))
      if (!meeting && clean && tag.data.includes(MIXED))
        meeting = {
          independent: false,
          node: node.site.node.name,
          reason: `${node.site.node.op} lets rows of the batch meet`,
        }
    })
  }
  for (const { name, dims } of program.outputs) {
    const tag = tags.get(name)
    if (!tag) continue
    if (dims[0] !== program.batch)
      return meeting ?? { independent: false, node: name, reason: 'the output has no batch axis in front' }
    const perRow = tag.data.length / program.batch
    if (!tag.data.every((value, i) => value === 0 || value === Math.floor(i / perRow) + 1))
      return meeting ?? { independent: false, node: name, reason: 'a row of the output depends on other rows' }
  }
  return { independent: true }
}

function rowTags({ type, dims }: Operand): NdArray {
  const count = size(dims)
  const perRow = dims.length === 0 ? 1 : count / dims[0]!
  const data = new Float64Array(count)
  for (let i = 0; i < count; i++) data[i] = dims.length === 0 ? MIXED : Math.floor(i / perRow) + 1
  return { type, dims, data }
}

function tagsOf({ site, operator }: ProgramNode, tags: ReadonlyMap<string, NdArray>): readonly NdArray[] {
  const dynamic = site.inputs.flatMap((input) => (input ? (tags.get(input.name) ?? []) : []))
  const lipschitz = operator.lipschitz(site)
  const isWhole = site.inputs.some((input) => input && !isFloat(input.type) && tags.has(input.name))
  if (lipschitz.kind === 'move') {
    // Whole numbers that depend on the inputs may be indices: any element may end up anywhere.
    if (isWhole) return site.outputs.map((output) => joinEverything(output, dynamic))
    // Constant whole numbers may be indices: they keep their values. Float constants carry no tag.
    const arrays = site.inputs.map((input) => input && (tags.get(input.name) ?? untagged(input)))
    const moved = operator.evaluate(site, arrays)
    const covered = lipschitz.outputs
    return site.outputs.map((output, i) =>
      covered && !covered.includes(i) ? joinEverything(output, dynamic) : moved[i]!,
    )
  }
  const rule = operator.rows(site)
  return site.outputs.map((output) => {
    if (rule === 'elementwise') return joinElements(output, dynamic)
    if (rule === 'rows') return joinRows(output, dynamic)
    return joinEverything(output, dynamic)
  })
}

function untagged({ type, dims, constant }: Operand): NdArray | undefined {
  return isFloat(type) ? { type, dims, data: new Float64Array(size(dims)) } : constant
}

function joinEverything({ type, dims }: Operand, inputs: readonly NdArray[]): NdArray {
  const tag = inputs.reduce((joined, { data }) => join(joined, joinAll(data)), 0)
  return { type, dims, data: new Float64Array(size(dims)).fill(tag) }
}

function join(a: number, b: number): number {
  return a === 0 ? b : b === 0 || a === b ? a : MIXED
}

function joinAll(data: Float64Array, from = 0, to = data.length): number {
  let tag = 0
  for (let i = from; i < to && tag !== MIXED; i++) tag = join(tag, data[i]!)
  return tag
}

/** Row i of the output from row i of each input; inputs of another number of rows touch every row. */
function joinRows(output: Operand, inputs: readonly NdArray[]): NdArray {
  const data = new Float64Array(size(output.dims))
  const rows = output.dims[0] ?? 1
  const perRow = data.length / rows
  for (const { dims, data: tag } of inputs) {
    const aligned = output.dims.length > 0 && dims.length > 0 && dims[0] === rows
    const inRow = tag.length / rows
    const everything = aligned ? 0 : joinAll(tag)
    for (let row = 0; row < rows; row++) {
      const joined = aligned ? joinAll(tag, row * inRow, (row + 1) * inRow) : everything
      for (let i = row * perRow; i < (row + 1) * perRow; i++) data[i] = join(data[i]!, joined)
    }
  }
  return { type: output.type, dims: output.dims, data }
}

/** NumPy broadcasting of the inputs against the output. */
function joinElements(output: Operand, inputs: readonly NdArray[]): NdArray {
  const data = new Float64Array(size(output.dims))
  for (const [k, { dims, data: tag }] of inputs.entries()) {
    const same = sameDims(dims, output.dims)
    // Nothing is joined with the first.
    if (same && k === 0) data.set(tag)
    else if (same) {
      for (let i = 0; i < data.length; i++) if (data[i] !== tag[i]) data[i] = join(data[i]!, tag[i]!)
    } else {
      const from = broadcastIndex(dims, output.dims)
      for (let i = 0; i < data.length; i++) data[i] = join(data[i]!, tag[from[i]!]!)
    }
  }
  return { type: output.type, dims: output.dims, data }
}

function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
