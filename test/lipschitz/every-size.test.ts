/** Files whose height and width are open: one bound for all sizes. */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { type Analysis, analyse } from '../../src/lipschitz/analyse.ts'
import { withLowerBounds } from '../../src/lipschitz/jacobian-lower.ts'
import { openWitnesses } from '../../src/lipschitz/open-sizes.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { DeclaredDim, Model } from '../../src/onnx/ir.ts'
import { conv, dense, maxMin, random } from './networks.ts'
import { streamFrom } from './stream.ts'

function open(dims: readonly DeclaredDim[], body: (b: GraphBuilder, x: string) => string, opset = 17): Model {
  const b = new GraphBuilder({ opset })
  b.output(body(b, b.input('x', dims)))
  return b.build()
}

async function everySize(model: Model): Promise<Analysis> {
  const { here, there } = openWitnesses(model)!
  return analyse(here, { twin: there })
}

/** What is proved and attained at one size. */
async function atSize(model: Model, dims: readonly number[]) {
  const analysis = await analyse(prepare(model, { batch: 1, inputShapes: { x: dims } }))
  const start = Float64Array.from({ length: analysis.inputSize }, streamFrom(dims.join().length))
  const { joint } = withLowerBounds(analysis, [start], { steps: 8, candidates: 1 }).bounds
  return { upper: joint.upper!, lower: joint.lower }
}

const IMAGE = ['N', 2, 'H', 'W']
const padded = { pads: [1, 1, 1, 1] }

describe('one bound for every height and width', () => {
  const networks: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
    'Conv, Relu, MaxPool, Conv, GlobalAveragePool, Gemm': (b, x) => {
      const first = b.node('Relu', [conv(b, x, random(1, 72, 0.3), [4, 2, 3, 3], padded, [1, 0, -1, 2])])
      const pooled = b.node('MaxPool', [first], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
      const second = b.node('LeakyRelu', [
        conv(b, pooled, random(2, 216, 0.2), [6, 4, 3, 3], { strides: [2, 2], ...padded }),
      ])
      return dense(b, b.node('Flatten', [b.node('GlobalAveragePool', [second])]), random(3, 18), 3, 6)
    },
    'sorting, L2 pooling, average pooling': (b, x) => {
      const sorted = maxMin(b, conv(b, x, random(4, 72, 0.3), [4, 2, 3, 3], padded))
      const mean = (y: string): string => b.node('AveragePool', [y], { kernel_shape: [2, 2], strides: [2, 2] })
      const pooled = b.node('Sqrt', [b.node('Mul', [mean(b.node('Mul', [sorted, sorted])), b.constant([4])])])
      return b.node('ReduceMean', [mean(pooled)], { axes: [2, 3], keepdims: 0 })
    },
    'GroupSort by Reshape to what Shape says, a residual sum': (b, x) => {
      const size = (axis: number): string =>
        b.node('Unsqueeze', [b.node('Gather', [b.node('Shape', [x]), b.indices([axis], [])]), b.indices([0])])
      const mapped = conv(b, x, random(5, 36, 0.3), [2, 2, 3, 3], padded)
      const shape = b.node('Concat', [b.indices([-1, 1, 2]), size(2), size(3)], { axis: 0 })
      const pairs = b.node('Reshape', [mapped, shape])
      const reduce = (op: string): string => b.node(op, [pairs], { axes: [2], keepdims: 1 })
      const sorted = b.node('Concat', [reduce('ReduceMin'), reduce('ReduceMax')], { axis: 2 })
      const back = b.node('Concat', [b.indices([-1, 2]), size(2), size(3)], { axis: 0 })
      return b.node('Add', [x, b.node('Reshape', [sorted, back])])
    },
  }
  for (const [name, body] of Object.entries(networks))
    it(name, async () => {
      const model = open(IMAGE, body)
      const analysis = await everySize(model)
      expect(analysis.coverage.refused).toEqual([])
      expect(analysis.everySize).toBe(true)
      const { upper } = analysis.bounds.joint
      for (const size of [
        [1, 2, 4, 4],
        [1, 2, 5, 9],
      ]) {
        const found = await atSize(model, size)
        expect(found.lower).toBeGreaterThan(0)
        expect(upper!).toBeGreaterThanOrEqual(found.lower)
      }
      // Steps that hold for all sizes cost little beside the parts at one.
      expect(upper!).toBeLessThan(20)
    })

  it('a fully convolutional network: the supremum of its symbol', async () => {
    const average = open(['N', 1, 'L'], (b, x) => conv(b, x, [0.25, 0.5, 0.25], [1, 1, 3], { pads: [1, 1] }))
    const { upper } = (await everySize(average)).bounds.joint
    expect(upper!).toBeGreaterThanOrEqual(1)
    expect(upper!).toBeLessThan(1.001)
    expect((await atSize(average, [1, 1, 40])).upper).toBeLessThan(1)
  })
  it('a mean has norm 1 where there is one position, and less over channels', async () => {
    const mean = open(IMAGE, (b, x) => b.node('ReduceMean', [x], { axes: [1, 2, 3] }))
    expect((await everySize(mean)).bounds.joint.upper).toBeCloseTo(Math.SQRT1_2, 9)
    expect((await atSize(mean, [1, 2, 1, 1])).lower).toBeGreaterThan(0.7)
  })
  it('dense layers at every position of a sequence', async () => {
    const model = open(['N', 'L', 4], (b, x) =>
      b.node('Relu', [b.node('MatMul', [x, b.initializer('w', [4, 2], random(7, 8))])]),
    )
    const { upper } = (await everySize(model)).bounds.joint
    expect(upper! / (await atSize(model, [1, 3, 4])).upper).toBeCloseTo(1, 3)
  })
  it('the same symbol for both, channels last', async () => {
    const model = open(['N', 'S', 'S', 2], (b, x) => {
      const first = b.node('Transpose', [x], { perm: [0, 3, 1, 2] })
      return b.node('Transpose', [conv(b, first, random(8, 36), [2, 2, 3, 3], padded)], { perm: [0, 2, 3, 1] })
    })
    expect((await everySize(model)).bounds.joint.upper!).toBeGreaterThanOrEqual(
      (await atSize(model, [1, 6, 6, 2])).lower,
    )
  })
})

describe('what depends on the size is refused by name', () => {
  const size = (b: GraphBuilder, x: string, axis = 2): string =>
    b.node('Gather', [b.node('Shape', [x]), b.indices([axis])])
  const float = (b: GraphBuilder, x: string): string => b.node('Cast', [x], { to: 1 })
  let count = 0
  const eye = (b: GraphBuilder): string => b.initializer(`eye${count++}`, [2, 2, 1, 1], [1, 0, 0, 1])
  const half = { kernel_shape: [2, 2], strides: [2, 2] }
  const refused: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
    'a gate of the whole image: it is repeated as often as there are positions': (b, x) =>
      b.node('Mul', [b.node('Tanh', [x]), b.node('Sigmoid', [b.node('GlobalMaxPool', [x])])]),
    'a gate whose factor is the height': (b, x) =>
      b.node('Mul', [b.node('Mul', [x, float(b, size(b, x))]), b.node('Sigmoid', [x])]),
    'a residual block times the height': (b, x) => {
      const back = b.node('Conv', [b.node('Relu', [b.node('Conv', [x, eye(b)])]), eye(b)])
      return b.node('Sub', [x, b.node('Mul', [back, float(b, size(b, x))])])
    },
    'positions that repeat at some heights': (b, x) => {
      const odd = b.node('Mod', [b.node('Div', [size(b, x), b.indices([8])]), b.indices([2])])
      const places = b.node('Concat', [b.indices([0]), odd], { axis: 0 })
      return b.node('Gather', [b.node('GlobalMaxPool', [x]), places], { axis: 1 })
    },
    'a factor that is 1 at multiples of 8': (b, x) => {
      const rest = float(b, b.node('Mod', [size(b, x), b.indices([8])]))
      return b.node('Mul', [x, b.node('Add', [b.constant([1]), rest])])
    },
    'the mean of a crop, which small maps fill': (b, x) => {
      const crop = b.node('Slice', [x, b.indices([0, 0]), b.indices([4, 4]), b.indices([2, 3])])
      return b.node('ReduceMean', [crop], { axes: [2, 3] })
    },
    'a sum over the one window of small maps': (b, x) => {
      const pooled = b.node('MaxPool', [x], { kernel_shape: [20, 20], strides: [32, 32], pads: [10, 10, 10, 10] })
      return b.node('ReduceSum', [pooled, b.indices([2, 3])])
    },
    'channels that Reshape infers from half the height': (b, x) => {
      const rows = b.node('Mul', [b.node('Div', [size(b, x), b.indices([8])]), b.indices([4])])
      const shape = b.node('Concat', [b.indices([1, -1]), rows, size(b, x, 3)], { axis: 0 })
      return b.node('ReduceSum', [b.node('Reshape', [x, shape]), b.indices([1])])
    },
    'a map of one pixel repeated over the four that came out of it': (b, x) => {
      const down = b.node('AveragePool', [x], { ...half, pads: [0, 0, 1, 1], count_include_pad: 1 })
      const scales = b.constant([1, 1, 2, 2])
      const up = b.node('Resize', [down, '', scales], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric' })
      return b.node('Add', [x, b.node('Slice', [up, b.indices([0]), size(b, x), b.indices([2])])])
    },
    'an average that leaves its padding out': (b, x) =>
      b.node('AveragePool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] }),
    'an average whose last window is cut off': (b, x) =>
      b.node('AveragePool', [x], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
    'neighbours repeated and a half': (b, x) =>
      b.node('Resize', [x, '', b.constant([1, 1, 1.5, 1.5])], { mode: 'nearest' }),
    'one channel of as many as Reshape flattens': (b, x) =>
      b.node('ReduceSum', [b.node('Flatten', [x]), b.indices([1])]),
    'a product of sizes that is the same in both examples': (b, x) => {
      const rest = b.node('Mod', [size(b, x), b.indices([8])])
      const width = b.node('Add', [b.node('Div', [b.indices([48]), size(b, x)]), rest])
      const crop = b.node('Slice', [x, b.indices([0]), width, b.indices([3])])
      return b.node('ReduceSum', [b.node('Flatten', [crop]), b.indices([1])])
    },
    'a row that is repeated where it is one element': (b, x) => {
      const row = b.node('ReduceMax', [x], { axes: [2], keepdims: 1 })
      const width = b.node('Add', [size(b, x, 3), b.node('Mod', [size(b, x), b.indices([8])])])
      return b.node('Expand', [row, b.node('Concat', [b.indices([1, 1, 1]), width], { axis: 0 })])
    },
    'a factor out of a table, by the height': (b, x) => {
      const table = b.constant([1, 5, 5, 5, 5, 5, 5, 5])
      return b.node('Mul', [x, b.node('Gather', [table, b.node('Mod', [size(b, x), b.indices([8])])])])
    },
    'channels repeated by the height': (b, x) => {
      const times = b.node('Div', [size(b, x), size(b, x)])
      const shape = b.node('Concat', [b.indices([1, 2]), times, b.indices([1])], { axis: 0 })
      return b.node('Expand', [b.node('GlobalMaxPool', [x]), shape])
    },
    'channels cut by the height': (b, x) => {
      const count = b.node('Add', [b.node('Mod', [size(b, x), b.indices([8])]), b.indices([1])])
      return b.node('ReduceSum', [b.node('Slice', [x, b.indices([0]), count, b.indices([1])]), b.indices([1])])
    },
    'a sum of absolute values over all positions': (b, x) => b.node('ReduceL1', [x], { axes: [2, 3], keepdims: 0 }),
    'a sum over all positions': (b, x) => b.node('ReduceSum', [x, b.indices([2, 3])], { keepdims: 0 }),
    'a factor computed from the size': (b, x) => {
      const size = b.node('Cast', [b.node('Gather', [b.node('Shape', [x]), b.indices([2], [])])], { to: 1 })
      return b.node('Mul', [x, size])
    },
    'a mean repeated over the positions': (b, x) => b.node('Add', [x, b.node('GlobalAveragePool', [x])]),
    'reflected padding': (b, x) => b.node('Pad', [x, b.indices([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'reflect' }),
    'a LogSoftmax over the positions': (b, x) =>
      b.node('Mul', [b.node('LogSoftmax', [x], { axis: 3 }), b.constant([2])]),
  }
  for (const [name, body] of Object.entries(refused))
    it(name, async () => {
      const analysis = await everySize(open(IMAGE, body))
      expect(analysis.bounds.joint.upper).toBeNull()
      expect(analysis.coverage.refused.length).toBeGreaterThan(0)
    })

  it('an element lies in as many windows as fit over it, on maps large enough', async () => {
    const upper = async (attributes: Record<string, readonly number[]>): Promise<number> => {
      const model = open(IMAGE, (b, x) => b.node('MaxPool', [x], attributes))
      return (await everySize(model)).bounds.joint.upper!
    }
    expect(await upper({ kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })).toBe(2)
    expect(await upper({ kernel_shape: [3, 3], strides: [3, 1] })).toBeCloseTo(Math.sqrt(3), 9)
    expect(await upper({ kernel_shape: [2, 2], strides: [2, 2], dilations: [3, 3] })).toBe(2)
  })

  it('two ways of the same strides have the same sizes', async () => {
    const model = open(IMAGE, (b, x) => {
      const main = conv(b, x, random(9, 36, 0.2), [2, 2, 3, 3], { strides: [2, 2], ...padded })
      const side = b.node('Conv', [x, eye(b)], { strides: [2, 2] })
      return b.node('MaxPool', [b.node('Add', [main, side])], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })
    })
    const { bounds, coverage } = await everySize(model)
    expect(coverage.refused).toEqual([])
    expect(bounds.joint.upper!).toBeGreaterThanOrEqual((await atSize(model, [1, 2, 5, 7])).lower)
  })

  it('pairs of neighbours along a row are not positions', async () => {
    // Row-major pairs of a map: they are what they seem only at even widths, so no element is followed through.
    const model = open(['N', 2, 'H', 'W'], (b, x) => {
      const shape = b.node('Shape', [x])
      const turned = b.node('Reshape', [x, b.node('Gather', [shape, b.indices([0, 2, 3, 1])])])
      const [p, q] = b.nodes('Split', [turned], 2, { axis: 3 })
      return b.node('Concat', [b.node('Max', [p!, q!]), b.node('Min', [p!, q!])], { axis: 3 })
    })
    const { upper } = (await everySize(model)).bounds.joint
    expect(upper!).toBeGreaterThanOrEqual(1)
  })
  it('fixed sizes have no witnesses', () => {
    const fixed = open(['N', 1, 4, 4], (b, x) => b.node('Relu', [x]))
    expect(openWitnesses(fixed)).toBeUndefined()
    expect(
      openWitnesses(
        open(IMAGE, (b, x) => b.node('Relu', [x])),
        { x: [1, 2, 3, 3] },
      ),
    ).toBeUndefined()
  })
})
