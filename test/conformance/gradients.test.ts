import { describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { COTANGENT, differentiate, gradientName } from '../../src/graph/differentiate.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import type { NdArray } from '../../src/onnx/ir.ts'
import { toNdArray } from '../../src/onnx/tensor.ts'
import { randomArray, runOnnx, stream } from '../graph/oracle.ts'
import { bind, cases, readCase } from './bind.ts'

/** All of them take a minute on a busy machine. */
const chosen = cases.filter((_, i) => process.env.LIP_ONNX_SLOW || i % 4 === 0)

/**
 * Every conformance case of a float32 function by its first float input, at its data moved a little off the kinks: the
 * gradient graph in float64 against central differences, and in onnxruntime against float64.
 */
describe.skipIf(cases.length === 0)('gradients over the conformance cases', () => {
  const agreed: string[] = []
  const skipped = new Map<string, string>()

  it.each(chosen)('%s', async (name) => {
    const { model, inputs } = await readCase(name)
    const open = inputs.find((input) => input.type === 'float32')
    if (!open?.data.length) return void skipped.set(name, 'no float32 input')
    const program = prepare(
      bind(
        model,
        inputs.filter((input) => input !== open),
      ),
      { batch: open.dims[0] || 1 },
    )
    const of = program.outputs[0]
    if (of?.type !== 'float32' || of.constant) return void skipped.set(name, 'no float32 output')
    let gradient: ReturnType<typeof differentiate>
    try {
      gradient = differentiate(program, { of: of.name, by: [open.name] })
    } catch (error) {
      if (!(error instanceof LipError)) throw error
      return void skipped.set(name, error.message)
    }

    const next = stream(name.length)
    const base = toNdArray(open)
    const x: NdArray = { ...base, data: base.data.map((value) => Math.fround(value + 0.013 * next())) }
    const u = randomArray(of.dims, next)
    const backward = prepare(gradient, { batch: 1 })
    expect(backward.refused.filter((entry) => entry.op !== 'constant')).toEqual([])
    const feeds = new Map([
      [open.name, x],
      [COTANGENT, u],
    ])
    const found = evaluate(backward, feeds).get(gradientName(open.name))!
    expect(found.dims).toEqual(x.dims)

    const direction = randomArray(x.dims, next).data
    const slope = (step: number) => {
      const at = (sign: number) => {
        const moved = { ...x, data: x.data.map((value, i) => value + sign * step * direction[i]!) }
        return dot(evaluate(program, new Map([[open.name, moved]])).get(of.name)!.data, u.data)
      }
      return (at(1) - at(-1)) / (2 * step)
    }
    const [coarse, fine] = [slope(1e-5), slope(1e-6)]
    const predicted = dot(found.data, direction)
    const size = 1e-3 + Math.sqrt(dot(found.data, found.data) * dot(direction, direction))
    if (Math.abs(coarse - fine) > 1e-5 * size) return void skipped.set(name, 'a kink is near')
    expect(Math.abs(predicted - fine) / size).toBeLessThan(2e-5)

    const theirs = (await runOnnx(gradient, Object.fromEntries(feeds)))[gradientName(open.name)]!
    const scale = 1 + found.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    const errors = found.data.map((value, i) => Math.abs(value - theirs.data[i]!) / scale)
    expect(errors.reduce((most, value) => Math.max(most, value), 0)).toBeLessThan(2e-4)
    agreed.push(name)
  })

  it('says what was covered', () => {
    console.log(`gradients: ${agreed.length} agree, ${skipped.size} skipped, of ${chosen.length}`)
    for (const [name, reason] of skipped) console.log(`  ${name}: ${reason}`)
    expect(agreed.length).toBeGreaterThan(chosen.length / 2)
  })
})

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
