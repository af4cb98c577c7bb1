import { describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { COTANGENT, differentiate, gradientName } from '../../src/graph/differentiate.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { type BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model, NdArray } from '../../src/onnx/ir.ts'
import { randomArray, runOnnx, stream } from './oracle.ts'

/**
 * The gradient graph of `model` in onnxruntime: its forward output is bitwise that of the model, and its gradients are the
 * central differences of our float64 evaluator.
 */
async function check(model: Model, by: readonly string[], batch = 2, seed = 1): Promise<Model> {
  const next = stream(seed)
  const program = prepare(model, { batch })
  expect(program.refused).toEqual([])
  const of = program.outputs[0]!
  const gradient = differentiate(program, { of: of.name, by })
  expect(gradient.graph.inputs.map((input) => input.name)).toEqual([
    ...model.graph.inputs.map((i) => i.name),
    COTANGENT,
  ])
  expect(gradient.graph.outputs.map((output) => output.name)).toEqual([of.name, ...by.map(gradientName)])
  const feeds: Record<string, NdArray> = {}
  for (const input of program.inputs) feeds[input.name] = randomArray(input.dims, next)
  const plain = await runOnnx(model, feeds, 'disabled')
  const u = randomArray(of.dims, next)
  const found = await runOnnx(gradient, { ...feeds, [COTANGENT]: u }, 'disabled')
  expect(found[of.name]!.data).toEqual(plain[of.name]!.data)

  const variables = by.filter((name) => model.graph.initializers.has(name))
  const open = prepare(model, { batch, variables })
  const points = new Map(Object.entries(feeds))
  for (const name of variables) points.set(name, program.values.get(name)!.constant!)
  for (const name of by) {
    const point = points.get(name)!
    expect(found[gradientName(name)]!.dims).toEqual(point.dims)
    for (let k = 0; k < 3; k++) {
      const direction = randomArray(point.dims, next).data
      const at = (step: number) => {
        const moved = { ...point, data: point.data.map((value, i) => value + step * direction[i]!) }
        return dot(evaluate(open, new Map(points).set(name, moved)).get(of.name)!.data, u.data)
      }
      const measured = (at(1e-6) - at(-1e-6)) / 2e-6
      expect(dot(found[gradientName(name)]!.data, direction)).toBeCloseTo(measured, 4)
    }
  }
  return gradient
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

const random = (b: GraphBuilder, name: string, ...dims: number[]) =>
  b.initializer(name, dims, randomArray(dims, stream(dims.length * 7 + dims[0]!)).data)

describe('differentiate', () => {
  it('adds up where a tensor is read more than once', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 4])
    const y = b.node('Tanh', [x])
    b.output(b.node('Sum', [b.node('Mul', [y, y]), b.node('Mul', [x, y]), x, b.node('Add', [y, y])]))
    await check(b.build(), ['x'])
  })

  it('goes to weights, shared ones included, through what the file computes from them', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3])
    const w = random(b, 'w', 3, 3)
    const bias = random(b, 'bias', 3)
    const scaled = b.node('Mul', [b.node('Transpose', [w], { perm: [1, 0] }), b.constant([0.5])])
    const h = b.node('Relu', [b.node('Gemm', [x, w, bias])])
    b.output(b.node('MatMul', [h, scaled]))
    await check(b.build(), ['w', 'x', 'bias'])
  })

  it('of convolution by its kernel and bias', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 2, 6, 6])
    const conv = b.node('Conv', [x, random(b, 'k', 4, 2, 3, 3), random(b, 'c', 4)], { pads: [1, 1, 1, 1] })
    const pool = b.node('AveragePool', [conv], { kernel_shape: [2, 2], strides: [2, 2] })
    b.output(b.node('Flatten', [b.node('LeakyRelu', [pool], { alpha: { float: 0.1 } })]))
    await check(b.build(), ['k', 'c', 'x'])
  })

  it('by a tensor that does not matter is zero, by several inputs each its own', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 2])
    b.input('z', ['N', 3])
    const v = b.input('v', [2])
    b.output(b.node('Mul', [x, b.node('Exp', [v])]))
    const gradient = await check(b.build(), ['x', 'z', 'v'])
    const { outputs } = gradient.graph
    expect(outputs.map((output) => output.dims)).toEqual([[2, 2], [2, 2], [2, 3], [2]])
  })

  it('keeps constants that the file computes as the file computes them', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3])
    const w = random(b, 'w', 3, 3)
    const norm = b.node('Sqrt', [b.node('ReduceSum', [b.node('Mul', [w, w])], { keepdims: 0 })])
    b.output(b.node('MatMul', [x, b.node('Div', [w, norm])]))
    const gradient = await check(b.build(), ['x'])
    expect(gradient.graph.nodes.map((node) => node.op)).toContain('Sqrt')
  })

  it('leaves out what neither the output nor a gradient needs', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3])
    const w = random(b, 'w', 3, 3)
    random(b, 'unused', 2)
    const first = b.output(b.node('MatMul', [x, w]))
    b.output(b.node('Exp', [x]))
    const gradient = differentiate(prepare(b.build(), { batch: 1 }), { of: first, by: ['x'] })
    expect(gradient.graph.nodes.map((node) => node.op)).not.toContain('Exp')
    expect([...gradient.graph.initializers.keys()]).not.toContain('unused')
  })

  it('says what has none', () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3])
    const y = b.node('ReduceProd', [x, b.indices([1])], {}, { name: 'product' })
    const k = b.input('k', ['N'], 'int64')
    b.output(b.node('Add', [y, b.node('Cast', [k], { to: 1 })]))
    const program = prepare(b.build(), { batch: 1 })
    const failure = (of: string, by: string): LipError => {
      try {
        differentiate(program, { of, by: [by] })
      } catch (error) {
        expect(error).toBeInstanceOf(LipError)
        return error as LipError
      }
      throw new Error('nothing was thrown')
    }
    const output = program.outputs[0]!.name
    expect(failure(output, 'x').message).toMatch(/'product' \(ReduceProd\) has no gradient rule/)
    expect(failure(output, 'x').code).toBe('MODEL_UNSUPPORTED')
    expect(failure(output, 'k').message).toMatch(/'k' is of type int64/)
    expect(failure(output, 'nothing').message).toMatch(/no tensor 'nothing'/)
    expect(failure('nothing', 'x').message).toMatch(/no tensor 'nothing'/)
  })
})

describe('models of other opsets get a gradient at opset 18', () => {
  type Step = (b: GraphBuilder, x: string) => string
  const step =
    (op: string, attributes: Record<string, BuilderAttribute> = {}, ...inputs: string[]): Step =>
    (b, x) =>
      b.node(op, [x, ...inputs], attributes)
  const CASES: readonly (readonly [number, string, Step])[] = [
    [
      7,
      'Squeeze and Unsqueeze with attributes',
      (b, x) => b.node('Squeeze', [b.node('Unsqueeze', [x], { axes: [1] })], { axes: [1] }),
    ],
    [7, 'ReduceSum with axes as attribute', step('ReduceSum', { axes: [1], keepdims: 1 })],
    [13, 'ReduceMean with axes as attribute', step('ReduceMean', { axes: [1], keepdims: 0 })],
    [17, 'ReduceMax with axes as attribute', step('ReduceMax', { axes: [-1] })],
    [11, 'ReduceL2 over everything', step('ReduceL2', { keepdims: 0 })],
    [9, 'Clip with attributes', step('Clip', { min: { float: -0.5 }, max: { float: 0.25 } })],
    [7, 'Clip with a floor alone', step('Clip', { min: { float: -0.1 } })],
    [9, 'Pad with attributes', step('Pad', { pads: [0, 1, 0, 0, 2, 0], value: { float: 1.5 } })],
    [9, 'Slice with attributes', step('Slice', { starts: [1], ends: [2 ** 31], axes: [2] })],
    [9, 'TopK with k as attribute', (b, x) => b.nodes('TopK', [x], 2, { k: 3, axis: 2 })[0]!],
    [
      11,
      'Split with sizes as attribute',
      (b, x) => b.node('Sub', b.nodes('Split', [x], 2, { axis: 2, split: [2, 2] })),
    ],
    [11, 'Split in equal parts', (b, x) => b.node('Sub', b.nodes('Split', [x], 2, { axis: 2 }))],
    [17, 'Split in equal parts, opset 17', (b, x) => b.node('Sub', b.nodes('Split', [x], 2, { axis: 2 }))],
    [11, 'Softmax over a group of axes', step('Softmax', { axis: 1 })],
    [11, 'Softmax over the last axis', step('Softmax', { axis: 2 })],
    [12, 'LogSoftmax, default axis', step('LogSoftmax')],
    [10, 'Dropout with a ratio', step('Dropout', { ratio: { float: 0.4 } })],
    [
      9,
      'Flatten and MaxPool',
      (b, x) => b.node('Flatten', [b.node('MaxPool', [x], { kernel_shape: [2], strides: [2] })]),
    ],
    [20, 'Relu of opset 20', step('Relu')],
    [22, 'AveragePool of opset 22', step('AveragePool', { kernel_shape: [2], strides: [2] })],
    [
      21,
      'Pad, Squeeze and Unsqueeze of opset 21',
      (b, x) =>
        b.node('Pad', [
          b.node('Squeeze', [b.node('Unsqueeze', [x, b.indices([0])]), b.indices([0])]),
          b.indices([0, 0, 1, 0, 0, 1]),
        ]),
    ],
  ]
  it.each(CASES)('%i: %s', async (opset, _, body) => {
    const b = new GraphBuilder({ opset, irVersion: opset < 15 ? 6 : 8 })
    b.output(body(b, b.node('Identity', [b.input('x', ['N', 3, 4])])))
    const gradient = await check(b.build(), ['x'])
    expect(gradient.opsets.get('')).toBe(18)
  })

  it('9: Upsample', async () => {
    const b = new GraphBuilder({ opset: 9, irVersion: 4 })
    const scales = b.constant([1, 1, 2, 2], [4])
    b.output(b.node('Upsample', [b.node('Relu', [b.input('x', ['N', 2, 3, 3])]), scales], { mode: 'nearest' }))
    expect((await check(b.build(), ['x'])).opsets.get('')).toBe(18)
  })

  it('20: Gelu, which opset 18 lacks, keeps the opset of the model', async () => {
    const b = new GraphBuilder({ opset: 20 })
    b.output(b.node('Gelu', [b.input('x', ['N', 4])]))
    expect((await check(b.build(), ['x'])).opsets.get('')).toBe(20)
  })
})
