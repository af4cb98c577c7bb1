/**
 * Proves that a network at batch N does to every row what it does to a single sample. Rows that do not meet (rows.ts) are
 * not enough: a file may scale by the batch that it reads off Shape, treat row 1 apart from row 0 with a Slice along the
 * batch, or cut a triangle across it, and then what is proved at batch 1 says nothing about a run of many samples.
 * @module
 */
import { isFloat } from '../onnx/element-types.ts'
import type { NdArray } from '../onnx/ir.ts'
import { broadcastIndex } from '../ops/broadcast.ts'
import { sameDims } from '../ops/dims.ts'
import type { Operand } from '../ops/operator.ts'
import type { Program, ProgramNode } from './program.ts'
import type { RowIndependence } from './rows.ts'

/**
 * Every element gets a number that stands for its expression over the elements of its row: equal expressions have equal
 * numbers, different ones different numbers but for a collision of 52-bit hashes. Movement is run on the numbers; element by
 * element, the numbers (and the values of constants) that meet are hashed; a 'rows' rule hashes the row and the position in
 * it. The two programs do the same when the numbers of every output row at batch N are those at batch 1.
 *
 * @param one the model prepared at batch 1
 * @param many the same model at the batch in question, whose rows are known to be independent
 */
export function provesRowsAlike(one: Program, many: Program): RowIndependence {
  // One sample is laid beside several batches.
  let alone = known.get(one)
  if (!alone) known.set(one, (alone = numbersOf(one)))
  const together = numbersOf(many)
  for (const { name, dims } of many.outputs) {
    const [row, rows] = [alone.get(name), together.get(name)]
    // A constant of the file.
    if (!row && !rows) continue
    const alike =
      row &&
      rows &&
      dims[0] === many.batch &&
      row.dims[0] === 1 &&
      row.data.length * many.batch === rows.data.length &&
      rows.data.every((value, i) => value === row.data[i % row.data.length])
    if (!alike)
      return {
        independent: false,
        node: name,
        reason: `at a batch of ${many.batch} it is not what it is for one sample`,
      }
  }
  return { independent: true }
}

const known = new WeakMap<Program, ReadonlyMap<string, NdArray>>()

/** The numbers of the outputs. */
function numbersOf(program: Program): ReadonlyMap<string, NdArray> {
  const numbers = new Map<string, NdArray>()
  program.inputs.forEach((input, k) => {
    const count = sizeOf(input.dims)
    const perRow = input.dims.length === 0 ? 1 : count / input.dims[0]!
    const data = new Float64Array(count)
    const start = hash(START, k)
    for (let i = 0; i < count; i++) data[i] = hash(start, i % perRow)
    numbers.set(input.name, { type: input.type, dims: input.dims, data })
  })
  for (const node of program.nodes) {
    const outputs = apply(node, numbers)
    node.site.outputs.forEach(({ name }, i) => {
      if (name !== '') numbers.set(name, outputs[i]!)
    })
  }
  return new Map(
    program.outputs.flatMap(({ name }) => {
      const found = numbers.get(name)
      return found ? [[name, found] as const] : []
    }),
  )
}

function apply({ site, operator }: ProgramNode, numbers: ReadonlyMap<string, NdArray>): readonly NdArray[] {
  const inputs = site.inputs.map((input) => input && (numbers.get(input.name) ?? input.constant))
  const rule = operator.lipschitz(site)
  const isWhole = site.inputs.some((input) => input && !isFloat(input.type) && numbers.has(input.name))
  const moved = rule.kind === 'move' && !isWhole ? operator.evaluate(site, inputs) : undefined
  const rows = operator.rows(site)
  const constants = site.inputs.map((input) => input !== undefined && !numbers.has(input.name))
  return site.outputs.map((output, i) => {
    if (moved && (!rule.outputs || rule.outputs.includes(i))) return moved[i]!
    // The same node in both programs, by the name of what it makes.
    const start = nameOf(output.name)
    if (rows === 'elementwise') return elements(output, inputs, start)
    return inRows(output, inputs, constants, start, rows === 'rows')
  })
}

/** NumPy broadcasting of the inputs against the output. */
function elements(output: Operand, inputs: readonly (NdArray | undefined)[], start: number): NdArray {
  const data = new Float64Array(sizeOf(output.dims)).fill(start)
  for (const input of inputs) {
    if (!input) continue
    const values = input.data
    if (sameDims(input.dims, output.dims)) {
      for (let i = 0; i < data.length; i++) data[i] = hash(data[i]!, values[i]!)
      continue
    }
    const from = broadcastIndex(input.dims, output.dims)
    for (let i = 0; i < data.length; i++) data[i] = hash(data[i]!, values[from[i]!]!)
  }
  return { type: output.type, dims: output.dims, data }
}

/** Every element from its row of each input (from all of a constant, and of an input with other rows) and its position. */
function inRows(
  output: Operand,
  inputs: readonly (NdArray | undefined)[],
  constants: readonly boolean[],
  start: number,
  byRow: boolean,
): NdArray {
  const count = sizeOf(output.dims)
  const rows = output.dims[0] ?? 1
  const perRow = rows === 0 ? 0 : count / rows
  const isAligned = (input: NdArray, k: number): boolean => byRow && !constants[k] && input.dims[0] === rows
  const aligned = inputs.filter((input, k) => input && isAligned(input, k)) as NdArray[]
  let shared = start
  inputs.forEach((input, k) => {
    if (input && !isAligned(input, k)) shared = hashAll(hashAll(shared, input.dims), input.data)
  })
  const data = new Float64Array(count)
  for (let row = 0; row < rows; row++) {
    let all = shared
    for (const { data } of aligned) {
      const inRow = data.length / rows
      all = hashAll(all, data, row * inRow, (row + 1) * inRow)
    }
    for (let i = 0; i < perRow; i++) data[row * perRow + i] = hash(all, i)
  }
  return { type: output.type, dims: output.dims, data }
}

const START = 0x243f6a8885a30
const float = new Float64Array(2)
const word = new Int32Array(float.buffer)

/** Two numbers into a whole number of 52 bits, which float64 holds exactly, so that movement keeps it. */
function hash(before: number, value: number): number {
  float[0] = before
  float[1] = value
  const first = scramble(word[0]! ^ Math.imul(word[3]!, 0x9e3779b1), word[2]!)
  const second = scramble(word[1]! + first, word[3]! ^ Math.imul(word[2]!, 0x27d4eb2f))
  return (second >>> 12) * 2 ** 32 + (scramble(first, second) >>> 0)
}

function hashAll(before: number, values: ArrayLike<number>, from = 0, to = values.length): number {
  let all = before
  for (let i = from; i < to; i++) all = hash(all, values[i]!)
  return all
}

/** MurmurHash3's finaliser over both words. */
function scramble(x: number, y: number): number {
  let h = Math.imul(x, 0x85ebca6b) ^ Math.imul(y ^ (y >>> 15), 0xc2b2ae35)
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  return Math.imul(h, 0xc2b2ae35) ^ (h >>> 16)
}

function nameOf(name: string): number {
  return hashAll(
    START,
    Array.from(name, (character) => character.codePointAt(0)!),
  )
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
