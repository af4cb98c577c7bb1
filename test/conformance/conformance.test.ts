import { describe, expect, it } from 'vitest'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import type { NdArray } from '../../src/onnx/ir.ts'
import { toNdArray } from '../../src/onnx/tensor.ts'
import { OPERATORS } from '../../src/ops/index.ts'
import { bind, cases, load, readCase } from './bind.ts'

/** Why a node may be refused although its operator has a room: the use of it, not its meaning, is without a rule. */
const RIGHTLY_REFUSED: readonly RegExp[] = [
  /is not a tensor/,
  // Strings, and numbers of less than 16 bits.
  /is of type (string|undefined|float8\w+|float4\w+|u?int2), which has no rules/,
  /has elements of type \w+, which is not supported/,
  /converts to (string|float8\w+|float4\w+|the unknown type \d+)/,
  // What a float beyond the range of an integer becomes is not defined.
  /converts -?\d+ to u?int4/,
  /^is of IR version \d+, newer than/,
  /^no rule at opset (2[6-9]|[3-9]\d)$/,
  /training mode/,
  // The batch statistics of training.
  /^has no rule for its output 1$/,
]

/** Refused in a proof though evaluated: constants that are infinite, arithmetic other than float32. */
const EVALUATED = /contains NaN or infinite|proofs are made for float32/
/** With the first float input open, what would set the size of a result is no constant any more. */
const SIZES_ARE_OPEN = /computes its depth from the data|takes its bounds from computed values/

const isRight = (reasons: readonly string[]): boolean =>
  reasons.some((reason) => RIGHTLY_REFUSED.some((right) => right.test(reason)))

/** Expected values that the suite itself gives to four decimals. */
const COARSE = new Set(['test_averagepool_2d_ceil_last_window_starts_on_pad'])

/** Relative, of results in other arithmetic than float32: a few of their units. */
const COARSE_TYPES: Readonly<Record<string, number>> = { float16: 2e-3, bfloat16: 1.6e-2 }

describe.skipIf(cases.length === 0)('the ONNX conformance cases', () => {
  const agreed: string[] = []
  const refused = new Map<string, string>()

  it.each(cases)('%s', async (name) => {
    const { model, inputs } = await readCase(name)

    // Everything given is constant: the case is folded. Then once more with the first float input left open.
    const folded = prepare(bind(model, inputs), { batch: 1 })
    const missing = model.graph.outputs.filter((output) => !folded.values.has(output.name))
    if (missing.length > 0) {
      const [first] = folded.refused
      expect(first, 'a missing output has a named cause').toBeDefined()
      const ops = model.graph.nodes.map((node) => node.op)
      if (ops.includes(first!.op) && !OPERATORS.has(first!.op)) refused.set(name, `${first!.op} has no room`)
      else {
        refused.set(name, `${first!.op} ${first!.reason}`)
        expect(folded.refused.map(({ reason }) => reason)).toSatisfy(isRight)
      }
      return
    }
    const expected = model.graph.outputs.map((_, k) => toNdArray(load(name, `output_${k}.pb`)))
    model.graph.outputs.forEach((output, k) => {
      agree(folded.values.get(output.name)!.constant!, expected[k]!, `${name}, folded`)
    })
    const open = inputs.find((input) => input.type === 'float32')
    if (open) {
      const rest = inputs.filter((input) => input !== open)
      const program = prepare(bind(model, rest), { batch: open.dims[0] || 1 })
      if (program.refused.some(({ reason }) => SIZES_ARE_OPEN.test(reason))) return void agreed.push(name)
      expect(program.refused.filter(({ reason }) => !EVALUATED.test(reason))).toEqual([])
      const found = evaluate(program, new Map([[open.name, toNdArray(open)]]))
      model.graph.outputs.forEach((output, k) => {
        agree(found.get(output.name)!, expected[k]!, `${name}, evaluated`)
      })
    }
    agreed.push(name)
  })

  it('says what was covered', () => {
    console.log(`conformance: ${agreed.length} agree, ${refused.size} refused by name, of ${cases.length}`)
    for (const [name, reason] of refused) console.log(`  ${name}: ${reason}`)
    expect(agreed.length + refused.size).toBe(cases.length)
  })
})

/** float64 against the float32 numbers of the reference. */
function agree(found: NdArray, expected: NdArray, what: string): void {
  expect(found.type, `${what}: type`).toBe(expected.type)
  expect(found.dims, `${what}: shape`).toEqual(expected.dims)
  expect(found.data.length).toBe(expected.data.length)
  const tolerance = COARSE.has(what.split(',')[0]!) ? 1e-3 : (COARSE_TYPES[found.type] ?? 2e-5)
  const bad = found.data.findIndex((value, i) => {
    const other = expected.data[i]!
    if (Object.is(value, other) || value === other) return false
    return !(Math.abs(value - other) <= tolerance * Math.max(0.05, Math.abs(other)))
  })
  if (bad >= 0) expect.fail(`${what}: element ${bad} is ${found.data[bad]}, not ${expected.data[bad]}`)
}
