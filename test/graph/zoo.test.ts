import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { COTANGENT, differentiate, gradientName } from '../../src/graph/differentiate.ts'
import { shownShapes } from '../../src/graph/dims.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import type { Program } from '../../src/graph/program.ts'
import { provesRowIndependence } from '../../src/graph/rows.ts'
import type { NdArray } from '../../src/onnx/ir.ts'
import { readModel } from '../../src/onnx/read.ts'
import { randomArray, runOnnx, stream } from './oracle.ts'

const zoo = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'
const images = join(process.env.LIP_ONNX_DATA ?? '../shared/data', 'fashion-mnist', 't10k-images-idx3-ubyte.gz')
const files = existsSync(zoo) ? readdirSync(zoo).filter((file) => file.endsWith('.onnx')) : []

/** The first test images as [count, 1, 28, 28] in [0, 1]. */
function firstImages(count: number): NdArray {
  const bytes = gunzipSync(readFileSync(images)).subarray(16, 16 + count * 784)
  return {
    type: 'float32',
    dims: [count, 1, 28, 28],
    data: Float64Array.from(bytes, (pixel) => Math.fround(pixel / 255)),
  }
}

/** The float32 logits [256, 10] beside the file. */
function logitsOf(file: string): Float32Array {
  const bytes = readFileSync(join(zoo, file.replace('.onnx', '.logits.npy')))
  const start = 10 + bytes.readUInt16LE(8)
  return new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer)
}

describe.skipIf(files.length === 0)('files of other exporters', () => {
  it.each(files)('%s is prepared without a refusal, and its rows are independent', async (file) => {
    const { model } = await readModel(join(zoo, file))
    const program = prepare(model, { batch: 3 })
    expect(program.refused).toEqual([])
    expect(program.outputs.map((output) => output.dims)).toEqual([[3, 10]])
    // Every shape is fixed and the chains that compute them are gone.
    expect(program.nodes.map(({ site }) => site.node.op)).not.toContain('Shape')
    expect([...program.values.values()].filter((value) => value.constant?.relativeError)).toEqual([])
    expect(provesRowIndependence(program)).toEqual({ independent: true })
    expect(shownShapes(model).get(model.graph.outputs[0]!.name)).toEqual(['N', 10])
  })

  it.skipIf(!existsSync(images)).each(files)('%s evaluates to the logits that its exporter found', async (file) => {
    const { model } = await readModel(join(zoo, file))
    const x = firstImages(8)
    const program = prepare(model, { batch: 8 })
    const found = evaluate(program, new Map([[program.inputs[0]!.name, x]])).get(program.outputs[0]!.name)!
    const expected = logitsOf(file)
    const errors = found.data.map((value, i) => Math.abs(value - expected[i]!) / (1 + Math.abs(value)))
    expect(Math.max(...errors)).toBeLessThan(1e-5)
  })

  it.each(files)('%s has a gradient, and the graph of it runs the same network', async (file) => {
    const { model } = await readModel(join(zoo, file))
    const program = prepare(model, { batch: 2 })
    const [input, output] = [program.inputs[0]!.name, program.outputs[0]!.name]
    const next = stream(3)
    const x = {
      ...randomArray([2, 1, 28, 28], next),
      data: randomArray([2, 1, 28, 28], next).data.map((v) => (v + 1) / 2),
    }
    const u = randomArray([2, 10], next)
    const gradient = differentiate(program, { of: output, by: [input] })
    expect(gradient.opsets.get('')).toBe(18)
    const feeds = { [input]: { ...x, data: x.data.map(Math.fround) }, [COTANGENT]: u }
    const theirs = await runOnnx(gradient, feeds, 'disabled')

    const plain = await runOnnx(readFileSync(join(zoo, file)), { [input]: feeds[input]! }, 'disabled')
    expect(theirs[output]!.data).toEqual(plain[output]!.data)

    const backward = prepare(gradient, { batch: 2 })
    expect(backward.refused).toEqual([])
    const ours = evaluate(backward, new Map(Object.entries(feeds)), [gradientName(input)]).get(gradientName(input))!
    const scale = Math.max(...ours.data.map(Math.abs))
    const errors = ours.data.map((value, i) => Math.abs(value - theirs[gradientName(input)]!.data[i]!))
    expect(Math.max(...errors)).toBeLessThan(1e-4 * scale)
    // A small enough step stays on one side of every kink of this input.
    const direction = randomArray(x.dims, next).data
    expect(slope(program, feeds[input]!, direction, u)).toBeCloseTo(dot(ours.data, direction), 4)

    // Black and white images lie on kinks (pooled zeros, ties): still a gradient, never NaN.
    for (const flat of [0, 1]) {
      const image = { ...feeds[input]!, data: new Float64Array(2 * 784).fill(flat) }
      const there = await runOnnx(gradient, { ...feeds, [input]: image })
      expect(there[gradientName(input)]!.data.every(Number.isFinite)).toBe(true)
    }
  })
})

function slope(program: Program, x: NdArray, direction: Float64Array, u: NdArray): number {
  const step = 1e-7
  const at = (sign: number) => {
    const moved = { ...x, data: x.data.map((value, i) => value + sign * step * direction[i]!) }
    return dot(
      evaluate(program, new Map([[program.inputs[0]!.name, moved]])).get(program.outputs[0]!.name)!.data,
      u.data,
    )
  }
  return (at(1) - at(-1)) / (2 * step)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
