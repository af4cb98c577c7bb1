import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { provesRowIndependence } from '../../src/graph/rows.ts'
import type { Model, NdArray } from '../../src/onnx/ir.ts'
import { decodeModel } from '../../src/onnx/read.ts'
import { storeTensor } from '../../src/onnx/tensor.ts'
import { stream } from './oracle.ts'

const folder = process.env.LIP_ONNX_CONFORMANCE ?? '../shared/onnx-conformance'
const cases = existsSync(folder)
  ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'model.onnx')))
  : []
const rounds = process.env.LIP_ONNX_SLOW ? 40_000 : 600

/**
 * Files of every operator with a few bytes changed and small whole numbers for their shape inputs: each ends in a LipError or
 * in a program that can be evaluated. Anything else would be exit code 70.
 */
it.skipIf(cases.length === 0)(
  'damaged files of every operator are errors with a name or programs, nothing else',
  () => {
    const next = stream(Number(process.env.LIP_ONNX_SEED ?? 5))
    const pick = (count: number) => Math.floor(((next() + 1) / 2) * count)
    let prepared = 0
    for (let round = 0; round < rounds; round++) {
      const name = cases[pick(cases.length)]!
      const bytes = new Uint8Array(readFileSync(join(folder, name, 'model.onnx')))
      for (let k = pick(3); k >= 0; k--) bytes[pick(bytes.length)] = pick(2) ? pick(12) : pick(256)
      try {
        const program = prepare(bindWholeNumbers(decodeModel(bytes), pick), { batch: 2 })
        for (const { site, operator } of program.nodes) {
          operator.lipschitz(site)
          operator.rounding(site)
        }
        provesRowIndependence(program)
        const known = program.outputs.map((output) => output.name)
        evaluate(program, new Map(program.inputs.map((input) => [input.name, ones(input)])), known)
        prepared++
      } catch (error) {
        if (!(error instanceof LipError)) throw new Error(`round ${round}, ${name}`, { cause: error })
      }
    }
    expect(prepared).toBeGreaterThan(rounds / 10)
  },
)

/** int64 inputs of known shape become constants between -1 and 3. */
function bindWholeNumbers(model: Model, pick: (count: number) => number): Model {
  const initializers = new Map(model.graph.initializers)
  for (const { name, type, dims = [] } of model.graph.inputs) {
    const count = dims.reduce<number>((product, dim) => product * Number(dim ?? Number.NaN), 1)
    if (type !== 'int64' || !(count < 100)) continue
    const values = Array.from({ length: count }, () => pick(5) - 1)
    initializers.set(name, storeTensor(name, type, dims.map(Number), values))
  }
  const inputs = model.graph.inputs.filter((input) => !initializers.has(input.name))
  return { ...model, graph: { ...model.graph, inputs, initializers } }
}

function ones({ type, dims }: Pick<NdArray, 'type' | 'dims'>): NdArray {
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (count > 1e6) throw new LipError('DATA_INVALID', 'too large for this test')
  return { type, dims, data: new Float64Array(count).fill(1) }
}
