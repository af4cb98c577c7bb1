import { describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { shownShapes } from '../../src/graph/dims.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Attribute, FunctionDefinition, Model, Node } from '../../src/onnx/ir.ts'
import { storeTensor } from '../../src/onnx/tensor.ts'
import { randomArray, runOnnx, stream } from './oracle.ts'

function failure(act: () => unknown): LipError {
  try {
    act()
  } catch (error) {
    if (error instanceof LipError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** y = f(x), with f given node by node. */
function model(body: (b: GraphBuilder, x: string) => string, dims: readonly (number | string)[] = ['N', 4]): Model {
  const b = new GraphBuilder()
  b.output(body(b, b.input('x', dims)))
  return b.build()
}

const edit = (m: Model, graph: Partial<Model['graph']>, rest: Partial<Model> = {}): Model => ({
  ...m,
  ...rest,
  graph: { ...m.graph, ...graph },
})

describe('sizes', () => {
  it('the batch takes the place of an open first dimension, wherever its symbol stands', () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 4])
    const mask = b.input('mask', [1, 'N', 4])
    b.output(b.node('Mul', [x, mask]))
    const program = prepare(b.build(), { batch: 5 })
    expect(program.batch).toBe(5)
    expect(program.outputs[0]!.dims).toEqual([1, 5, 4])
  })

  it('a batch that the file fixes stays', () => {
    expect(
      prepare(
        model((b, x) => b.node('Relu', [x]), [3, 4]),
        { batch: 8 },
      ).batch,
    ).toBe(3)
  })

  it('other open dimensions are named, and can be given', () => {
    const open = model((b, x) => b.node('Relu', [x]), ['N', 3, 'H', 'H'])
    const error = failure(() => prepare(open, { batch: 1 }))
    expect([error.code, error.exitCode]).toEqual(['MODEL_UNSUPPORTED', 2])
    expect(error.message).toContain("Dimension 2 of the input 'x' is open ('H')")
    const shapes = (shape: number[]) => prepare(open, { batch: 2, inputShapes: { x: shape } }).outputs[0]!.dims
    expect(shapes([1, 3, 8, 8])).toEqual([2, 3, 8, 8])
    expect(failure(() => shapes([1, 3, 8, 9])).message).toMatch(/'H' cannot be both 8 and 9/)
    expect(failure(() => shapes([1, 4, 8, 8])).message).toMatch(/Dimension 1 .* is 3 in the file, not 4/)
    expect(failure(() => shapes([1, 3, 8])).message).toMatch(/4 dimensions/)
    expect(failure(() => prepare(open, { batch: 1, inputShapes: { z: [1] } })).message).toMatch(/'z'.*'x'/)
    expect(failure(() => prepare(open, { batch: 0 })).code).toBe('USAGE')
  })

  it('shapes are shown as they grow with the batch', () => {
    const m = model((b, x) => b.node('Reshape', [b.node('Concat', [x, x], { axis: 0 }), b.indices([-1, 2])]))
    expect(shownShapes(m).get(m.graph.outputs[0]!.name)).toEqual(['4*N', 2])
    expect(shownShapes(m).get('x')).toEqual(['N', 4])
  })
})

describe('folding', () => {
  it('the shape arithmetic of PyTorch vanishes at a fixed batch', () => {
    const m = model(
      (b, x) => {
        const shape = b.node('Shape', [x])
        const n = b.node('Gather', [shape, b.indices([0], [])], { axis: 0 })
        const c = b.node('Gather', [shape, b.indices([1], [])], { axis: 0 })
        const half = b.node('Cast', [b.node('Cast', [b.node('Div', [c, b.indices([2], [])])], { to: 7 })], { to: 7 })
        const parts = [n, half, b.indices([2], [])].map((part) => b.node('Unsqueeze', [part, b.indices([0])]))
        return b.node('Reshape', [x, b.node('Concat', parts, { axis: 0 })])
      },
      ['N', 6],
    )
    const program = prepare(m, { batch: 3 })
    expect(program.refused).toEqual([])
    expect(program.nodes.map(({ site }) => site.node.op)).toEqual(['Reshape'])
    expect(program.outputs[0]!.dims).toEqual([3, 3, 2])
  })

  it('carries the error of constants that the file computes', () => {
    const third = 1 / 3
    const m = model(
      (b, x) => {
        const w = b.initializer('w', [2], [third, third])
        const product = b.node('Mul', [w, w], {}, { outputs: ['product'] })
        const quotient = b.node('Div', [product, w], {}, { outputs: ['quotient'] })
        const exact = b.node('Reshape', [w, b.indices([2, 1])], {}, { outputs: ['moved'] })
        const exp = b.node('Exp', [w], {}, { outputs: ['exp'] })
        const moved = b.node('Reshape', [quotient, b.indices([2, 1])], {}, { outputs: ['quotient moved'] })
        const whole = b.node('Mul', [b.constant([3]), b.constant([4])], {}, { outputs: ['whole'] })
        const tiny = b.node('Mul', [b.constant([2 ** -100]), b.constant([2 ** -49])], {}, { outputs: ['tiny'] })
        const sum = b.node('Sum', [
          quotient,
          exp,
          b.node('Squeeze', [b.node('Add', [exact, moved]), b.indices([1])]),
          whole,
          tiny,
        ])
        return b.node('Mul', [x, sum])
      },
      ['N', 2],
    )
    const { values } = prepare(m, { batch: 1 })
    const error = (name: string) => values.get(name)!.constant!.relativeError ?? 0
    const u = 2 ** -24
    const w = Math.fround(third)
    expect(error('moved')).toBe(0)
    expect(error('whole')).toBe(0)
    expect(error('product')).toBeGreaterThanOrEqual(u)
    expect(error('product')).toBeLessThan(1.01 * u)
    // What a float32 runtime computes in two steps is within the bound; the bound is not idle.
    const executed = Math.fround(Math.fround(w * w) / w)
    expect(Math.abs(executed - w) / w).toBeLessThanOrEqual(error('quotient'))
    expect(error('quotient')).toBeGreaterThanOrEqual(2 * u)
    expect(error('quotient moved')).toBe(error('quotient'))
    expect(error('tiny')).toBe(Infinity)
  })

  it('nodes that no output needs are left out', () => {
    const m = model((b, x) => {
      b.node('Unknown', [x], {}, { domain: 'my.domain' })
      return b.node('Relu', [x])
    })
    expect(prepare(m, { batch: 1 })).toMatchObject({ refused: [], nodes: [{}] })
  })

  it('does not compute constants of made-up sizes', () => {
    const m = model((b, x) => b.node('Add', [x, b.node('ConstantOfShape', [b.indices([2 ** 40, 4])])]))
    expect(prepare(m, { batch: 1 }).refused[0]).toMatchObject({ op: 'ConstantOfShape' })
    const huge = model((b, x) => b.node('Expand', [x, b.indices([2 ** 40, 1, 1])]))
    expect(prepare(huge, { batch: 1 }).refused[0]).toMatchObject({ op: 'Expand' })
  })
})

describe('what has no proof is refused by name', () => {
  it('operators, domains and control flow without a rule; downstream nothing is known', () => {
    const m = model((b, x) => b.node('Relu', [b.node('Frobnicate', [x], {}, { name: 'odd', domain: 'com.example' })]))
    const program = prepare(m, { batch: 1 })
    expect(program.refused).toEqual([{ name: 'odd', op: 'Frobnicate', reason: expect.stringMatching(/com\.example/) }])
    expect([program.outputs, program.nodes]).toEqual([[], []])
    expect(failure(() => evaluate(program, new Map())).message).toMatch(/'odd' \(Frobnicate\)/)

    const graph: Attribute = {
      kind: 'graph',
      value: { name: 'then', nodes: [], inputs: [], outputs: [], initializers: new Map() },
    }
    const loop = model((b, x) => b.node('If', [x], { then_branch: graph, else_branch: graph }))
    expect(prepare(loop, { batch: 1 }).refused[0]!.reason).toMatch(/control flow/)
  })

  it('weights that callers may override, from IR 4 on', () => {
    const m = model((b, x) => b.node('Add', [x, b.initializer('w', [4], [1, 2, 3, 4])]))
    const listed = edit(m, { inputs: [...m.graph.inputs, { name: 'w', type: 'float32', dims: [4] }] })
    const program = prepare(listed, { batch: 1 })
    expect(program.refused).toEqual([{ name: 'w', op: 'initializer', reason: expect.stringMatching(/override/) }])
    expect(program.inputs.map((input) => input.name)).toEqual(['x'])
    expect(program.outputs).toEqual([])
    // Before IR 4 the list was the law, and runtimes take the weights as constant.
    expect(prepare({ ...listed, irVersion: 3 }, { batch: 1 }).refused).toEqual([])
  })

  it.each([Number.NaN, Infinity, -Infinity])('a weight that is %s', (value) => {
    const m = model((b, x) => b.node('Add', [x, b.initializer('w', [4], [1, 2, value, 4])]))
    expect(prepare(m, { batch: 1 }).refused).toEqual([
      { name: 'w', op: 'constant', reason: expect.stringMatching(/NaN/) },
    ])
    // Computed from finite ones, too.
    const folded = model((b, x) =>
      b.node('Add', [x, b.node('Div', [b.constant([value > 0 ? 1 : value < 0 ? -1 : 0]), b.constant([0])])]),
    )
    expect(prepare(folded, { batch: 1 }).refused).toHaveLength(1)
  })

  it('half precision and whole numbers, which can still be evaluated', () => {
    const b = new GraphBuilder()
    const k = b.input('k', [3], 'int64')
    b.output(b.node('Add', [k, b.indices([1, 2, 3])]), [3], 'int64')
    const whole = prepare(b.build(), { batch: 3 })
    expect(whole.refused).toEqual([{ name: 'k', op: 'input', reason: expect.stringMatching(/int64/) }])
    const feed = new Map([['k', { type: 'int64', dims: [3], data: Float64Array.of(5, 6, 7) }]] as const)
    expect([...evaluate(whole, feed).values()][0]!.data).toEqual(Float64Array.of(6, 8, 10))

    const half = model((c, x) => c.node('Cast', [c.node('Relu', [c.node('Cast', [x], { to: 10 })])], { to: 1 }))
    const reasons = prepare(half, { batch: 1 }).refused.map((entry) => entry.op)
    expect(reasons).toContain('Relu')
    const weight = model((c, x) => {
      const w = c.store({ name: 'w', type: 'float16', dims: [4], data: Uint16Array.of(1, 2, 3, 4) })
      return c.node('Add', [x, c.node('Cast', [w], { to: 1 })])
    })
    // Stored in half precision, computed in single: exact.
    expect(prepare(weight, { batch: 1 }).refused).toEqual([])
  })

  it('strings and weights of unknown types', () => {
    const m = model((b, x) => b.node('Add', [x, b.initializer('w', [4], [1, 2, 3, 4])]))
    const odd = edit(m, {
      initializers: new Map([['w', { name: 'w', type: 'complex64', dims: [4], data: new Float32Array(8) } as const]]),
    })
    expect(prepare(odd, { batch: 1 }).refused).toEqual([
      { name: 'w', op: 'initializer', reason: expect.stringMatching(/complex64/) },
    ])
  })
})

describe('local functions', () => {
  const node = (op: string, inputs: string[], outputs: string[], rest: Partial<Node> = {}): Node => ({
    name: `${op}-${outputs[0]}`,
    op,
    domain: '',
    inputs,
    outputs,
    attributes: new Map(),
    ...rest,
  })
  const leaky: FunctionDefinition = {
    domain: 'my',
    name: 'Leaky',
    overload: '',
    inputs: ['a'],
    outputs: ['y'],
    nodes: [
      node('LeakyRelu', ['a'], ['t'], { attributes: new Map([['alpha', { kind: 'reference', value: 'slope' }]]) }),
      node('Neg', ['t'], ['a2']),
      node('Neg', ['a2'], ['y']),
    ],
    opsets: new Map([['', 18]]),
    attributes: new Map<string, Attribute | undefined>([['slope', { kind: 'float', value: 0.25 }]]),
  }
  const twice: FunctionDefinition = {
    domain: 'my',
    name: 'Twice',
    overload: '',
    inputs: ['a'],
    outputs: ['y'],
    nodes: [
      node('Leaky', ['a'], ['t'], { domain: 'my' }),
      node('Leaky', ['t'], ['y'], { domain: 'my', attributes: new Map([['slope', { kind: 'float', value: -2 }]]) }),
    ],
    opsets: new Map([
      ['', 18],
      ['my', 1],
    ]),
    attributes: new Map(),
  }
  const calling = (functions: readonly FunctionDefinition[], op = 'Twice', domain = 'my'): Model => {
    const b = new GraphBuilder()
    b.opset('my', 1)
    const x = b.input('x', ['N', 4])
    const t = b.node(op, [x], {}, { domain, outputs: ['t'] })
    b.output(b.node(op, [t], {}, { domain }), ['N', 4])
    return { ...b.build(), functions }
  }

  it('are inlined, attributes and nested calls included, and mean what onnxruntime says', async () => {
    const m = calling([leaky, twice])
    const x = randomArray([2, 4], stream(5))
    const program = prepare(m, { batch: 2 })
    expect(program.refused).toEqual([])
    expect(program.nodes.map(({ site }) => site.node.op)).toContain('LeakyRelu')
    expect(new Set(program.nodes.map(({ site }) => site.node.name)).size).toBe(program.nodes.length)
    const name = m.graph.outputs[0]!.name
    const ours = evaluate(program, new Map([['x', x]])).get(name)!
    const theirs = (await runOnnx(m, { x }))[name]!
    ours.data.forEach((value, i) => {
      expect(value).toBeCloseTo(theirs.data[i]!, 5)
    })
  })

  it('that call themselves, or each other into millions, end', () => {
    const self = { ...twice, nodes: [node('Twice', ['a'], ['y'], { domain: 'my' })] }
    expect(failure(() => prepare(calling([self]), { batch: 1 })).message).toMatch(/calls itself/)
    const bomb = Array.from(
      { length: 40 },
      (_, i): FunctionDefinition => ({
        ...twice,
        name: i === 39 ? 'Twice' : `f${i}`,
        nodes: [
          node(i === 0 ? 'Relu' : `f${i - 1}`, ['a'], ['t'], { domain: i === 0 ? '' : 'my' }),
          node(i === 0 ? 'Relu' : `f${i - 1}`, ['t'], ['y'], { domain: i === 0 ? '' : 'my' }),
        ],
      }),
    )
    expect(failure(() => prepare(calling(bomb), { batch: 1 })).code).toBe('MODEL_UNSUPPORTED')
  })

  it('that redefine a standard operator are refused', () => {
    const evil: FunctionDefinition = {
      ...twice,
      domain: '',
      name: 'Relu',
      nodes: [node('Mul', ['a', 'a'], ['y'])],
    }
    expect(prepare(calling([evil], 'Relu', ''), { batch: 1 }).refused[0]).toMatchObject({ op: 'Relu' })
  })

  it('at another opset keep their own meaning', () => {
    // Softmax of opset 11 groups all axes from 1 on; of opset 13 takes the last.
    const softmax: FunctionDefinition = {
      ...twice,
      name: 'Twice',
      nodes: [node('Softmax', ['a'], ['y'])],
      opsets: new Map([['', 11]]),
    }
    const b = new GraphBuilder()
    b.opset('my', 1)
    b.output(b.node('Twice', [b.input('x', [1, 2, 2])], {}, { domain: 'my' }))
    const program = prepare({ ...b.build(), functions: [softmax] }, { batch: 1 })
    const x = { type: 'float32', dims: [1, 2, 2], data: new Float64Array(4) } as const
    expect([...evaluate(program, new Map([['x', x]])).values()][0]!.data[0]).toBeCloseTo(0.25, 12)
  })
})

it('initializers are found in the stored precision', () => {
  const stored = storeTensor('w', 'float32', [1], [0.1])
  expect((stored.data as Float32Array)[0]).toBe(Math.fround(0.1))
})
