/**
 * What other exporters write for the layers of this field, node by node: PyTorch's two exporters, tf2onnx, keras2onnx. Each is held
 * against the constant that is known of it, against the slopes that the function really has, and (as executed) against the
 * proved rounding error.
 */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse } from '../../src/lipschitz/analyse.ts'
import type { GraphBuilder } from '../../src/onnx/builder.ts'
import { conv, random, rotation } from '../lipschitz/networks.ts'
import { type Body, examine, executedError, modelOf } from '../soundness/examine.ts'

type Dims = readonly number[]

interface Spelling {
  readonly dims: Dims
  readonly body: Body
  /** What is known of it; the proved bound may exceed it by a relative 1e-4. */
  readonly constant: number
  readonly opset?: number
  /** The constant is approached, not attained, by the points that the test tries. */
  readonly loose?: true
  /** A bound, but no certificates: a tensor inside has no constant of its own, so its size is not followed. */
  readonly uncertified?: true
}

let counter = 0
const stored = (b: GraphBuilder, dims: Dims, data: ArrayLike<number>): string =>
  b.initializer(`stored_${counter++}`, dims, data)
const mul = (b: GraphBuilder, x: string, y: string): string => b.node('Mul', [x, y])
const scaled = (b: GraphBuilder, x: string, factor: number): string => mul(b, x, b.constant([factor]))
const slice = (b: GraphBuilder, x: string, axis: number, from: number, to = 2 ** 31 - 1): string =>
  b.node('Slice', [x, b.indices([from]), b.indices([to]), b.indices([axis])])
const halves = (b: GraphBuilder, x: string): readonly [string, string] => {
  const [p, q] = b.nodes('Split', [x], 2, { axis: 1 })
  return [p!, q!]
}
/** The size of an axis as TorchScript asks for it. */
const sizeOf = (b: GraphBuilder, x: string, axis: number): string =>
  b.node('Unsqueeze', [b.node('Gather', [b.node('Shape', [x]), b.indices([axis], [])], { axis: 0 }), b.indices([0])])

/** y = x (a F + 1) in the order of PyTorch. */
const gelu: Body = (b, x) => {
  const gate = b.node('Add', [b.node('Erf', [b.node('Div', [x, b.constant([Math.SQRT2])])]), b.constant([1])])
  return scaled(b, mul(b, x, gate), 0.5)
}
const tanhGelu: Body = (b, x) => {
  const cube = scaled(b, b.node('Pow', [x, b.constant([3])]), 0.044715)
  const inner = scaled(b, b.node('Add', [x, cube]), Math.sqrt(2 / Math.PI))
  return mul(b, scaled(b, x, 0.5), b.node('Add', [b.node('Tanh', [inner]), b.constant([1])]))
}

const ACTIVATIONS: Readonly<Record<string, Spelling>> = {
  'SiLU: Sigmoid, Mul': {
    dims: [1, 6],
    body: (b, x) => mul(b, x, b.node('Sigmoid', [x])),
    constant: 1.0998393202,
    loose: true,
  },
  'quick GELU: Mul, Sigmoid, Mul': {
    dims: [1, 6],
    body: (b, x) => mul(b, b.node('Sigmoid', [scaled(b, x, 1.702)]), x),
    constant: 1.0998393202,
    loose: true,
  },
  'GELU of PyTorch: Div, Erf, Add, Mul, Mul': { dims: [1, 6], body: gelu, constant: 1.1289041452, loose: true },
  'GELU of tf2onnx: the half first': {
    dims: [1, 6],
    body: (b, x) =>
      mul(b, scaled(b, x, 0.5), b.node('Add', [b.node('Erf', [scaled(b, x, Math.SQRT1_2)]), b.constant([1])])),
    constant: 1.1289041452,
    loose: true,
  },
  'GELU in the tanh form': { dims: [1, 6], body: tanhGelu, constant: 1.1289932, loose: true },
  'Mish: Softplus, Tanh, Mul': {
    dims: [1, 6],
    body: (b, x) => mul(b, x, b.node('Tanh', [b.node('Softplus', [x])])),
    constant: 1.0884981613,
    loose: true,
  },
  'hard swish: Add, Clip, Mul, Div': {
    dims: [1, 6],
    body: (b, x) => {
      const gate = b.node('Clip', [b.node('Add', [x, b.constant([3])]), b.constant([0], []), b.constant([6], [])])
      return b.node('Div', [mul(b, x, gate), b.constant([6])])
    },
    constant: 1.5,
    loose: true,
  },
  'hard swish: Add, Relu, Min, Mul': {
    dims: [1, 6],
    body: (b, x) => {
      const gate = b.node('Min', [b.node('Relu', [b.node('Add', [x, b.constant([3])])]), b.constant([6])])
      return scaled(b, mul(b, gate, x), 1 / 6)
    },
    constant: 1.5,
    loose: true,
  },
  'hard swish: HardSigmoid, Mul': {
    dims: [1, 6],
    body: (b, x) => mul(b, x, b.node('HardSigmoid', [x], { alpha: { float: 1 / 6 }, beta: { float: 0.5 } })),
    constant: 1.5,
    opset: 13,
    loose: true,
  },
  'concatenated ReLU of x and -x': {
    dims: [1, 6],
    body: (b, x) => b.node('Concat', [b.node('Relu', [x]), b.node('Relu', [b.node('Neg', [x])])], { axis: 1 }),
    constant: 1,
  },
  'leaky ReLU by Where': {
    dims: [1, 6],
    body: (b, x) => b.node('Where', [b.node('Greater', [x, b.constant([0])]), x, scaled(b, x, 0.1)]),
    constant: 1,
  },
  'ReLU by Where, the other way round': {
    dims: [1, 6],
    body: (b, x) => b.node('Where', [b.node('LessOrEqual', [x, b.constant([0])]), b.constant([0]), x]),
    constant: 1,
  },
  'Softshrink by Where: |x| > c, x - c sign(x)': {
    dims: [1, 6],
    body: (b, x) => {
      const shrunk = b.node('Sub', [x, scaled(b, b.node('Sign', [x]), 0.5)])
      return b.node('Where', [b.node('Greater', [b.node('Abs', [x]), b.constant([0.5])]), shrunk, scaled(b, x, 0)])
    },
    constant: 1,
    uncertified: true,
  },
  'sorting of pairs by Where': {
    dims: [1, 6],
    body: (b, x) => {
      const [p, q] = halves(b, x)
      const first = b.node('LessOrEqual', [b.node('Sub', [p, q]), b.constant([0])])
      return b.node('Concat', [b.node('Where', [first, p, q]), b.node('Where', [first, q, p])], { axis: 1 })
    },
    constant: 1,
    opset: 16,
  },
  'maxout by MaxPool over neighbours': {
    dims: [1, 8],
    body: (b, x) =>
      b.node('Squeeze', [
        b.node('MaxPool', [b.node('Unsqueeze', [x, b.indices([1])])], { kernel_shape: [2], strides: [2] }),
        b.indices([1]),
      ]),
    constant: 1,
    opset: 17,
  },
  'FullSort: TopK of as many as Shape says': {
    dims: [1, 8],
    body: (b, x) => b.nodes('TopK', [x, sizeOf(b, x, 1)], 2, { axis: 1, largest: 0 })[0]!,
    constant: 1,
    opset: 17,
  },
  'GroupSort of tf2onnx: Neg, TopK, Neg': {
    dims: [1, 8],
    body: (b, x) => {
      const pairs = b.node('Neg', [b.node('Reshape', [x, b.indices([-1, 4, 2])])])
      const [sorted] = b.nodes('TopK', [pairs, b.indices([2])], 2, { axis: -1 })
      return b.node('Reshape', [b.node('Neg', [sorted!]), b.indices([-1, 8])])
    },
    constant: 1,
    opset: 13,
  },
  'MaxMin of SplitToSequence and SequenceAt': {
    dims: [1, 8],
    body: (b, x) => {
      const parts = b.node('SplitToSequence', [x, b.initializer('size', [], [4], 'int64')], { axis: 1, keepdims: 1 })
      const [p, q] = [0, 1].map((k) => b.node('SequenceAt', [parts, b.initializer(`at${k}`, [], [k], 'int64')]))
      return b.node('Concat', [b.node('Max', [p!, q!]), b.node('Min', [p!, q!])], { axis: 1 })
    },
    constant: 1,
  },
  'MaxMin of a split into sizes of its own': {
    dims: [1, 8],
    body: (b, x) => {
      const parts = b.node('SplitToSequence', [x, b.initializer('sizes', [3], [2, 3, 3], 'int64')], { axis: -1 })
      const part = (k: number): string => b.node('SequenceAt', [parts, b.initializer(`at${k}`, [], [k], 'int64')])
      const [p, q] = [part(1), part(2)]
      return b.node('Concat', [part(0), b.node('Max', [p, q]), b.node('Min', [p, q])], { axis: 1 })
    },
    constant: 1,
  },
  'MaxMin stacked: Unsqueeze, Concat, Reshape': {
    dims: [1, 8],
    body: (b, x) => {
      const [p, q] = halves(b, x)
      const parts = [b.node('Min', [p, q]), b.node('Max', [p, q])].map((y) => b.node('Unsqueeze', [y, b.indices([-1])]))
      return b.node('Reshape', [b.node('Concat', parts, { axis: -1 }), b.indices([-1, 8])])
    },
    constant: 1,
    opset: 17,
  },
}

/** x - 2 A^T relu(A x + b) with |A| = 1. */
const turn = rotation(4, 0.7)
const turned = Float32Array.from({ length: 16 }, (_, k) => turn[(k % 4) * 4 + Math.floor(k / 4)]!)
const kernel = random(31, 36, 0.2)
/** The kernel of the adjoint as a convolution: channels exchanged, taps turned around. */
const flipped = Float32Array.from({ length: 36 }, (_, k) => {
  const [i, o, t] = [Math.floor(k / 18), Math.floor(k / 9) % 2, k % 9]
  return kernel[(o * 2 + i) * 9 + 8 - t]!
})

const LAYERS: Readonly<Record<string, Spelling>> = {
  'CPL of dense layers, the factor folded': {
    dims: [1, 4],
    body: (b, x) => {
      const hidden = b.node('Relu', [b.node('MatMul', [x, stored(b, [4, 4], turn)])])
      return b.node('Sub', [
        x,
        b.node('MatMul', [
          hidden,
          stored(
            b,
            [4, 4],
            turned.map((v) => 2 * v),
          ),
        ]),
      ])
    },
    constant: 1,
  },
  'SLL of dense layers, factors between': {
    dims: [1, 4],
    body: (b, x) => {
      const hidden = b.node('Relu', [
        b.node('Gemm', [x, stored(b, [4, 4], turned), b.constant([1, 0, -1, 2])], { transB: 1 }),
      ])
      const weighted = mul(b, hidden, b.constant([2, 1, 0.5, 1.5]))
      return b.node('Sub', [x, b.node('MatMul', [weighted, stored(b, [4, 4], turned)])])
    },
    constant: 1,
  },
  'a block whose factor is too large': {
    dims: [1, 4],
    body: (b, x) => {
      const hidden = b.node('Relu', [b.node('MatMul', [x, stored(b, [4, 4], turn)])])
      return b.node('Sub', [
        x,
        b.node('MatMul', [
          hidden,
          stored(
            b,
            [4, 4],
            turned.map((v) => 3 * v),
          ),
        ]),
      ])
    },
    constant: 2,
  },
  'SLL of convolutions: Conv, Relu, Mul, ConvTranspose, Sub': {
    dims: [1, 2, 5, 5],
    body: (b, x) => {
      const hidden = b.node('Relu', [conv(b, x, kernel, [2, 2, 3, 3], { pads: [1, 1, 1, 1] })])
      const factors = mul(b, hidden, b.constant([1.7, 0.9], [1, 2, 1, 1]))
      return b.node('Sub', [
        x,
        b.node('ConvTranspose', [factors, stored(b, [2, 2, 3, 3], kernel)], { pads: [1, 1, 1, 1] }),
      ])
    },
    constant: 1,
    loose: true,
  },
  'the same with the adjoint as a Conv': {
    dims: [1, 2, 5, 5],
    body: (b, x) => {
      const hidden = b.node('Relu', [conv(b, x, kernel, [2, 2, 3, 3], { pads: [1, 1, 1, 1] })])
      return b.node('Sub', [x, conv(b, hidden, flipped, [2, 2, 3, 3], { pads: [1, 1, 1, 1] })])
    },
    constant: 1,
    loose: true,
  },
  'LayerCentering: ReduceMean, Sub': {
    dims: [1, 2, 4, 4],
    body: (b, x) => b.node('Sub', [x, b.node('ReduceMean', [x], { axes: [2, 3], keepdims: 1 })]),
    constant: 1,
    opset: 17,
  },
  'periodic padding by Slice and Concat, a shift': {
    dims: [1, 1, 6, 6],
    body: (b, x) => {
      const wrap = (y: string, axis: number): string =>
        b.node('Concat', [slice(b, y, axis, -1), y, slice(b, y, axis, 0, 1)], { axis })
      return conv(b, wrap(wrap(x, 2), 3), [0, 0, 1, 0, 0, 0, 0, 0, 0], [1, 1, 3, 3])
    },
    constant: 1,
  },
  'periodic padding by Pad, a shift': {
    dims: [1, 1, 6, 6],
    body: (b, x) =>
      conv(
        b,
        b.node('Pad', [x, b.indices([0, 0, 1, 1, 0, 0, 1, 1])], { mode: 'wrap' }),
        [0, 0, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 3, 3],
      ),
    constant: 1,
    opset: 19,
  },
  'skew-symmetric exponential: Conv, Add, Conv, Div, Add': {
    dims: [1, 2, 4, 4],
    body: (b, x) => {
      const weights = kernel.map((v, k) => {
        const [o, i, t] = [Math.floor(k / 18), Math.floor(k / 9) % 2, k % 9]
        return v - kernel[(i * 2 + o) * 9 + 8 - t]!
      })
      let [sum, power] = [x, x]
      for (let k = 1; k <= 6; k++) {
        power = conv(b, power, weights, [2, 2, 3, 3], { pads: [1, 1, 1, 1] })
        if (k > 1) power = b.node('Div', [power, b.constant([k])])
        sum = b.node('Add', [sum, power])
      }
      return sum
    },
    constant: 1.00131,
    loose: true,
  },
  'torch.roll: Slice, Slice, Concat': {
    dims: [1, 2, 6],
    body: (b, x) => b.node('Concat', [slice(b, x, 2, -1), slice(b, x, 2, 0, -1)], { axis: 2 }),
    constant: 1,
  },
  'pixel shuffle and back': {
    dims: [1, 4, 2, 2],
    body: (b, x) => {
      const apart = b.node('Transpose', [b.node('Reshape', [x, b.indices([-1, 1, 2, 2, 2, 2])])], {
        perm: [0, 1, 4, 2, 5, 3],
      })
      return b.node('SpaceToDepth', [b.node('Reshape', [apart, b.indices([-1, 1, 4, 4])])], { blocksize: 2 })
    },
    constant: 1,
  },
  'L2 pooling by Reshape, ReduceSumSquare, Sqrt': {
    dims: [1, 2, 4, 4],
    body: (b, x) => {
      const windows = b.node('Reshape', [x, b.indices([-1, 2, 2, 2, 2, 2])])
      return b.node('Sqrt', [b.node('ReduceSumSquare', [windows], { axes: [3, 5], keepdims: 0 })])
    },
    constant: 1,
    opset: 17,
  },
  'global L2 pooling: Pow, ReduceSum, Sqrt': {
    dims: [1, 2, 4, 4],
    body: (b, x) =>
      b.node('Sqrt', [b.node('ReduceSum', [b.node('Pow', [x, b.constant([2])]), b.indices([2, 3])], { keepdims: 1 })]),
    constant: 1,
    opset: 17,
  },
  'scaled average pooling': {
    dims: [1, 2, 4, 4],
    body: (b, x) => scaled(b, b.node('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] }), 2),
    constant: 1,
  },
  'BatchNormalization written out, its constants computed by the file': {
    dims: [1, 2, 3],
    body: (b, x) => {
      const column = (values: readonly number[]): string =>
        b.node('Unsqueeze', [stored(b, [2], values), b.indices([-1])])
      const inverse = b.node('Reciprocal', [
        b.node('Sqrt', [b.node('Add', [column([3.99999, 0.24999]), b.constant([1e-5])])]),
      ])
      const centred = b.node('Sub', [x, column([0.5, -1])])
      return b.node('Add', [mul(b, mul(b, centred, inverse), column([1, 0.5])), column([2, 3])])
    },
    constant: 1,
    opset: 17,
  },
  'channels last of tf2onnx: Transpose, Conv SAME_UPPER, Transpose, BiasAdd': {
    dims: [1, 5, 5, 1],
    body: (b, x) => {
      const first = b.node('Transpose', [x], { perm: [0, 3, 1, 2] })
      const mapped = b.node('Conv', [first, stored(b, [1, 1, 2, 2], [0.5, 0.5, 0.5, 0.5])], {
        strides: [2, 2],
        auto_pad: 'SAME_UPPER',
      })
      return b.node('Add', [b.node('Transpose', [mapped], { perm: [0, 2, 3, 1] }), b.constant([1])])
    },
    constant: 1,
    opset: 15,
  },
}

describe.each([
  ['activations', ACTIVATIONS],
  ['layers', LAYERS],
] as const)('%s of other exporters', (_, spellings) => {
  it.each(Object.entries(spellings))('%s', async (name, { dims, body, constant, opset = 18, loose, uncertified }) => {
    const model = modelOf(dims, body, { opset })
    const { analysis, found, refuted } = await examine(model, name.length, 3)
    expect(analysis.coverage.refused).toEqual([])
    expect(refuted).toEqual([])
    const { upper } = analysis.bounds.joint
    expect(upper!).toBeGreaterThanOrEqual(constant * (1 - (loose ? 1e-3 : 1e-7)))
    expect(upper!).toBeLessThanOrEqual(constant * (1 + 1e-4))
    if (!loose) expect(found!.joint).toBeGreaterThan(constant * 0.999)
    const r = randomStream(5, name.length)
    const points = [0.3, 1, 40].map((scale) =>
      Float32Array.from({ length: analysis.inputSize }, () => scale * r.normal()),
    )
    expect(await executedError(model, analysis, points)).toBeLessThanOrEqual(1)
    if (uncertified) return
    expect(analysis.proof!.largestNorm).toBeGreaterThan(1000)
    for (let k = 0; k < Math.min(4, analysis.classes); k++)
      expect(analysis.proof!.logitErrors.single(k).constant).toBeLessThan(1e-3)
  })
})

describe('near misses have no constant, or another', () => {
  const refusals: Readonly<Record<string, readonly [Dims, Body]>> = {
    'a gate of another tensor': [
      [1, 6],
      (b, x) => {
        const [p, q] = halves(b, x)
        return mul(b, p, b.node('Sigmoid', [q]))
      },
    ],
    'a shifted gate': [[1, 6], (b, x) => mul(b, x, b.node('Sigmoid', [b.node('Add', [x, b.constant([1])])]))],
    'a gate squared': [[1, 6], (b, x) => mul(b, mul(b, x, x), b.node('Sigmoid', [x]))],
    'a cubic with another constant': [
      [1, 6],
      (b, x) => {
        const cube = scaled(b, b.node('Pow', [x, b.constant([3])]), 0.5)
        return mul(b, x, b.node('Add', [b.node('Tanh', [b.node('Add', [x, cube])]), b.constant([1])]))
      },
    ],
    'a gate without an upper limit': [[1, 6], (b, x) => mul(b, x, b.node('Relu', [x]))],
    'a step by Where': [
      [1, 6],
      (b, x) => b.node('Where', [b.node('Greater', [x, b.constant([0])]), b.constant([1]), b.constant([0])]),
    ],
    'a jump by Where': [
      [1, 6],
      (b, x) => b.node('Where', [b.node('Greater', [x, b.constant([0])]), x, b.node('Sub', [x, b.constant([1])])]),
    ],
    'a hard shrinkage': [
      [1, 6],
      (b, x) => b.node('Where', [b.node('Greater', [b.node('Abs', [x]), b.constant([0.5])]), x, b.constant([0])]),
    ],
    'a shrinkage by less than its threshold': [
      [1, 6],
      (b, x) => {
        const shrunk = b.node('Sub', [x, scaled(b, b.node('Sign', [x]), 0.25)])
        return b.node('Where', [b.node('Greater', [b.node('Abs', [x]), b.constant([0.5])]), shrunk, b.constant([0])])
      },
    ],
    'a condition about something else': [
      [1, 6],
      (b, x) => {
        const [p, q] = halves(b, x)
        return b.node('Where', [b.node('Less', [p, b.constant([0])]), p, q])
      },
    ],
    'a part of a sequence that the file leaves open': [
      [1, 8],
      (b, x) => {
        const parts = b.node('SplitToSequence', [x], { axis: 1 })
        return b.node('SequenceAt', [parts, b.initializer('at', [], [1], 'int64')])
      },
    ],
    'attention: both factors of a MatMul depend on the input': [
      [1, 3, 4],
      (b, x) => {
        const weights = b.node('Softmax', [b.node('MatMul', [x, b.node('Transpose', [x], { perm: [0, 2, 1] })])], {
          axis: -1,
        })
        return b.node('MatMul', [weights, x])
      },
    ],
    'squeeze and excitation': [
      [1, 4, 3, 3],
      (b, x) => mul(b, x, b.node('Sigmoid', [b.node('GlobalAveragePool', [x])])),
    ],
  }
  it.each(Object.entries(refusals))('%s', async (_, [dims, body]) => {
    const analysis = await analyse(prepare(modelOf(dims, body), { batch: 1 }))
    expect(analysis.bounds.joint.upper).toBeNull()
    const [refused] = analysis.coverage.refused
    expect(refused!.reason.length).toBeGreaterThan(10)
  })

  const larger: Readonly<Record<string, readonly [Dims, Body, number, number?]>> = {
    'a mean of something else is subtracted': [
      [1, 2, 2],
      (b, x) => b.node('Add', [x, b.node('ReduceMean', [x, b.indices([2])], { keepdims: 1 })]),
      2,
    ],
    'padding that repeats the wrong end': [
      [1, 1, 6],
      (b, x) => conv(b, b.node('Concat', [slice(b, x, 2, 0, 1), x], { axis: 2 }), [1, 0], [1, 1, 2]),
      1.41,
    ],
    'periodic padding and zeros of the convolution around it': [
      [1, 1, 4],
      (b, x) => {
        const wrapped = b.node('Concat', [slice(b, x, 2, -1), x, slice(b, x, 2, 0, 1)], { axis: 2 })
        return conv(b, wrapped, [0, 1, 0, 0, 1], [1, 1, 5], { pads: [1, 1] })
      },
      1.8,
    ],
    'the same part of x twice in a concatenated ReLU': [
      [1, 6],
      (b, x) => b.node('Concat', [b.node('Relu', [x]), b.node('Relu', [scaled(b, x, 2)])], { axis: 1 }),
      2.23,
    ],
    'a block whose branch is added': [
      [1, 4],
      (b, x) => {
        const hidden = b.node('Relu', [b.node('MatMul', [x, stored(b, [4, 4], turn)])])
        return b.node('Add', [x, b.node('MatMul', [hidden, stored(b, [4, 4], turned)])])
      },
      2,
    ],
    'a block with another adjoint': [
      [1, 4],
      (b, x) => {
        const hidden = b.node('Relu', [b.node('MatMul', [x, stored(b, [4, 4], turn)])])
        return b.node('Sub', [
          x,
          b.node('MatMul', [
            hidden,
            stored(
              b,
              [4, 4],
              turn.map((v) => 2 * v),
            ),
          ]),
        ])
      },
      1.5,
    ],
  }
  it.each(Object.entries(larger))('%s', async (name, [dims, body, least, opset = 18]) => {
    const { analysis, refuted, found } = await examine(modelOf(dims, body, { opset }), name.length, 3)
    expect(refuted).toEqual([])
    expect(found!.joint).toBeGreaterThan(1.001)
    expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(least * 0.999)
  })
})
