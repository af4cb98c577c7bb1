/**
 * One use or more of every room, by which the table of operators says what its rule is. Sizes that a sentence may name are 97,
 * which the table shows as N. The first use is the plain one.
 * @module
 */
import { fixed, floats, type Given, integers, type NodeCase } from '../ops/one-node.ts'

export type Use = Omit<NodeCase, 'op'> & {
  /** When the rule says so; absent = always, or what the first use stands for. */
  readonly when?: string
}

const values = (count: number): number[] => Array.from({ length: count }, (_, k) => (k % 7) / 8 - 0.25)
const x = (...dims: number[]): Given => floats(dims, values(dims.reduce((n, d) => n * d, 1)))
const c = (...dims: number[]): Given => ({ ...x(...dims), constant: true })
const bools = (...data: number[]): Given => ({ dims: [data.length], data, type: 'bool' })
const fixedBools = (...data: number[]): Given => ({ ...bools(...data), constant: true })
const whole = (...data: number[]): Given => ({ ...integers(...data), constant: false })
const f = (value: number) => ({ kind: 'float', value }) as const

const one: readonly Use[] = [{ inputs: [x(1, 4)] }]
const two: readonly Use[] = [
  { inputs: [x(1, 4), c(1, 4)], when: 'one varies' },
  { inputs: [x(1, 4), x(1, 4)], when: 'several vary' },
]
const compared: readonly Use[] = [{ inputs: [x(1, 4), c(1, 4)] }]
const decided: readonly Use[] = [{ inputs: [bools(1, 0), fixedBools(1, 1)] }]
const reduced: readonly Use[] = [{ inputs: [x(1, 97), integers(1)] }]
const window = { kernel_shape: [97], strides: [1] }
const tiles = { kernel_shape: [2], strides: [2] }
const pooled: readonly Use[] = [
  { inputs: [x(1, 1, 8)], attributes: tiles, when: 'windows are disjoint' },
  { inputs: [x(1, 1, 200)], attributes: window, when: 'windows overlap' },
]
const scattered = (updates: Given, indices: Given, twice: Given): readonly Use[] => [
  { inputs: [x(4), indices, updates] },
  { inputs: [x(4), indices, updates], attributes: { reduction: 'add' }, when: "reduction is 'add'" },
  { inputs: [x(4), indices, updates], attributes: { reduction: 'max' }, when: "reduction is 'max' or 'min'" },
  { inputs: [x(4), indices, updates], attributes: { reduction: 'mul' }, when: "reduction is 'mul'" },
  { inputs: [x(4), twice, updates], when: 'a place is written twice' },
  { inputs: [x(4), { ...indices, constant: false }, updates], when: 'positions vary' },
]
const gathered = (indices: Given): readonly Use[] => [
  { inputs: [x(1, 4), indices] },
  { inputs: [x(1, 4), { ...indices, constant: false }], when: 'positions vary' },
]

export const USES: Readonly<Record<string, readonly Use[]>> = {
  Abs: one,
  Add: two,
  And: decided,
  ArgMax: one,
  ArgMin: one,
  Atan: one,
  AveragePool: [
    ...pooled,
    { inputs: [x(1, 1, 3)], attributes: { kernel_shape: [3], pads: [1, 1] }, when: 'windows leave padding out' },
  ],
  BatchNormalization: [
    { inputs: [x(1, 2, 3), c(2), c(2), c(2), fixed([2], [1, 2])] },
    {
      inputs: [x(1, 2, 3), c(2), c(2), c(2), fixed([2], [1, 2])],
      attributes: { training_mode: 1 },
      when: 'training_mode is set',
    },
  ],
  Cast: [
    { inputs: [x(1, 4)], attributes: { to: 1 }, when: 'to a float' },
    { inputs: [x(1, 4)], attributes: { to: 7 }, when: 'to an integer' },
  ],
  CastLike: [
    { inputs: [x(1, 4), c(1)], when: 'to a float' },
    { inputs: [x(1, 4), integers(1)], when: 'to an integer' },
  ],
  Ceil: one,
  Celu: one,
  Clip: [
    { inputs: [x(1, 4), fixed([], [0]), fixed([], [1])] },
    { inputs: [x(1, 4), floats([], [0]), fixed([], [1])], when: 'a limit varies' },
  ],
  Concat: [
    { inputs: [x(1, 2), c(1, 2)], attributes: { axis: 1 }, when: 'one varies' },
    { inputs: [x(1, 2), x(1, 2)], attributes: { axis: 1 }, when: 'several vary' },
  ],
  Constant: [],
  ConstantOfShape: [],
  Conv: [{ inputs: [x(1, 1, 5), c(1, 1, 3)] }, { inputs: [x(1, 1, 5), x(1, 1, 3)], when: 'weights vary' }],
  ConvTranspose: [{ inputs: [x(1, 1, 5), c(1, 1, 3)] }, { inputs: [x(1, 1, 5), x(1, 1, 3)], when: 'weights vary' }],
  Cos: one,
  CumSum: [{ inputs: [x(1, 4), { dims: [], data: [1], type: 'int64', constant: true }] }],
  DepthToSpace: [{ inputs: [x(1, 4, 1, 1)], attributes: { blocksize: 2 } }],
  Div: [{ inputs: [x(1, 4), fixed([1, 4], [1, 2, 3, 4])] }, { inputs: [c(1, 4), x(1, 4)], when: 'the divisor varies' }],
  Dropout: [
    { inputs: [x(1, 4)] },
    {
      inputs: [x(1, 4), fixed([], [0.5]), { dims: [], data: [1], type: 'bool', constant: true }],
      when: 'training_mode is set',
    },
  ],
  Einsum: [
    { inputs: [x(1, 2), c(2, 3)], attributes: { equation: 'ij,jk->ik' } },
    { inputs: [x(1, 2), x(2, 3)], attributes: { equation: 'ij,jk->ik' }, when: 'several vary' },
    { inputs: [x(2, 2)], attributes: { equation: 'ii->i' }, when: 'a diagonal is read' },
  ],
  Elu: one,
  Equal: compared,
  Erf: one,
  Exp: one,
  Expand: [{ inputs: [x(1, 1), integers(1, 3)] }],
  Flatten: [{ inputs: [x(1, 2, 2)] }],
  Floor: one,
  Gather: gathered(integers(0)),
  GatherElements: gathered({ dims: [1, 2], data: [0, 0], type: 'int64', constant: true }),
  GatherND: gathered({ dims: [1, 2], data: [0, 1], type: 'int64', constant: true }),
  Gelu: [
    { inputs: [x(1, 4)], opset: 20 },
    { inputs: [x(1, 4)], opset: 20, attributes: { approximate: 'tanh' }, when: "approximate is 'tanh'" },
  ],
  Gemm: [
    { inputs: [x(1, 2), c(2, 3), c(3)], when: 'one factor varies' },
    { inputs: [x(1, 2), c(2, 3), x(1, 3)], when: 'a factor and C vary' },
    { inputs: [x(1, 2), x(2, 3)], when: 'both factors vary' },
  ],
  GlobalAveragePool: [{ inputs: [x(1, 1, 97)] }],
  GlobalLpPool: [
    { inputs: [x(1, 1, 97)], when: 'p >= 2' },
    { inputs: [x(1, 1, 97)], attributes: { p: 1 }, when: 'p = 1' },
  ],
  GlobalMaxPool: [{ inputs: [x(1, 1, 97)] }],
  Greater: compared,
  GreaterOrEqual: compared,
  GroupNormalization: [{ inputs: [x(1, 4, 2), c(4), c(4)], attributes: { num_groups: 2 }, opset: 21 }],
  HardSigmoid: one,
  HardSwish: one,
  Hardmax: one,
  Identity: one,
  InstanceNormalization: [{ inputs: [x(1, 2, 3), c(2), c(2)] }],
  IsInf: one,
  IsNaN: one,
  LRN: [
    { inputs: [x(1, 4, 1)], attributes: { size: 3 } },
    { inputs: [x(1, 4, 1)], attributes: { size: 3, bias: f(0) }, when: 'bias <= 0, or alpha or beta < 0' },
  ],
  LayerNormalization: [{ inputs: [x(1, 4), c(4), c(4)] }],
  LeakyRelu: one,
  Less: compared,
  LessOrEqual: compared,
  Log: one,
  LogSoftmax: [{ inputs: [x(1, 97)] }],
  LpNormalization: one,
  LpPool: [
    ...pooled,
    { inputs: [x(1, 1, 194)], attributes: { p: 1, kernel_shape: [97], strides: [97] }, when: 'p = 1' },
  ],
  MatMul: [
    { inputs: [x(1, 2), c(2, 3)] },
    { inputs: [x(2, 1, 2), c(2, 2, 3)], when: 'the constant is a stack' },
    { inputs: [x(1, 2), c(2, 2, 3)], when: 'the other factor is repeated' },
    { inputs: [x(1, 2), x(2, 3)], when: 'both vary' },
  ],
  Max: two,
  MaxPool: pooled,
  Mean: two,
  Min: two,
  Mish: [{ inputs: [x(1, 4)] }],
  Mod: [{ inputs: [x(1, 4), fixed([1, 4], [1, 2, 3, 4])], attributes: { fmod: 1 } }],
  Mul: [
    { inputs: [x(1, 4), c(1, 4)] },
    { inputs: [x(1, 1), c(1, 4)], when: 'the input is repeated' },
    { inputs: [x(1, 4), x(1, 4)], when: 'both vary' },
  ],
  Neg: one,
  NonZero: [],
  Not: [{ inputs: [bools(1, 0)] }],
  OneHot: [{ inputs: [whole(0, 1), integers(2), fixed([2], [0, 1])] }],
  Or: decided,
  PRelu: [{ inputs: [x(1, 4), c(4)] }, { inputs: [x(1, 4), x(4)], when: 'slopes vary' }],
  Pad: [
    { inputs: [x(1, 4), integers(0, 1, 0, 1)] },
    { inputs: [x(1, 4), integers(0, 1, 0, 1), floats([], [0])], when: 'the padding value varies' },
  ],
  Pow: [{ inputs: [x(1, 4), fixed([], [2])] }, { inputs: [x(1, 4), fixed([], [1])], when: 'the exponent is 1' }],
  RMSNormalization: [{ inputs: [x(1, 4), c(4)], opset: 23 }],
  Range: [],
  Reciprocal: one,
  ReduceL1: reduced,
  ReduceL2: reduced,
  ReduceLogSum: reduced,
  ReduceLogSumExp: reduced,
  ReduceMax: reduced,
  ReduceMean: reduced,
  ReduceMin: reduced,
  ReduceProd: reduced,
  ReduceSum: reduced,
  ReduceSumSquare: reduced,
  Relu: one,
  Reshape: [{ inputs: [x(1, 4), integers(1, 2, 2)] }],
  Resize: [
    { inputs: [x(1, 1, 4), undefined, fixed([3], [1, 1, 2])], when: 'nearest' },
    {
      inputs: [x(1, 1, 4, 4), undefined, fixed([4], [1, 1, 2, 2])],
      attributes: { mode: 'linear' },
      when: 'linear or cubic',
    },
    {
      inputs: [x(1, 1, 4), undefined, fixed([3], [1, 1, 1.3])],
      attributes: { mode: 'linear', coordinate_transformation_mode: 'align_corners' },
      when: 'a scale gives no whole length in a mode that uses it',
    },
  ],
  Round: one,
  ScatterElements: scattered(x(2), integers(0, 1), integers(1, 1)),
  ScatterND: scattered(
    x(2),
    { dims: [2, 1], data: [0, 1], type: 'int64', constant: true },
    { dims: [2, 1], data: [1, 1], type: 'int64', constant: true },
  ),
  Selu: one,
  Shape: one,
  Shrink: [
    { inputs: [x(1, 4)], attributes: { bias: f(0.5), lambd: f(0.5) }, when: 'bias = lambd' },
    { inputs: [x(1, 4)], when: 'else' },
  ],
  Sigmoid: one,
  Sign: one,
  Sin: one,
  Size: one,
  Slice: [{ inputs: [x(1, 4), integers(0), integers(2), integers(1)] }],
  Softmax: one,
  Softplus: one,
  Softsign: one,
  SpaceToDepth: [{ inputs: [x(1, 1, 2, 2)], attributes: { blocksize: 2 } }],
  Split: [{ inputs: [x(1, 4), integers(2, 2)], attributes: { axis: 1 }, outputs: 2 }],
  Sqrt: one,
  Squeeze: [{ inputs: [x(1, 1, 4), integers(1)] }],
  Sub: two,
  Sum: two,
  Swish: [{ inputs: [x(1, 4)], opset: 24 }],
  Tanh: one,
  ThresholdedRelu: [
    { inputs: [x(1, 4)], attributes: { alpha: f(0) }, when: 'alpha = 0' },
    { inputs: [x(1, 4)], when: 'else' },
  ],
  Tile: [{ inputs: [x(1, 4), integers(1, 2)] }],
  TopK: [
    { inputs: [x(1, 4), integers(2)], outputs: 2 },
    { inputs: [x(1, 4), integers(2)], outputs: 2, attributes: { sorted: 0 }, when: 'sorted = 0' },
  ],
  Transpose: [{ inputs: [x(1, 2, 2)], attributes: { perm: [0, 2, 1] } }],
  Trilu: [{ inputs: [x(1, 2, 2)] }],
  Unsqueeze: [{ inputs: [x(1, 4), integers(1)] }],
  Upsample: [{ inputs: [x(1, 1, 4), fixed([3], [1, 1, 2])], opset: 9 }],
  Where: [
    { inputs: [fixedBools(1, 0), x(1, 2), c(1, 2)], when: 'one varies' },
    { inputs: [fixedBools(1, 0), x(1, 2), x(1, 2)], when: 'both vary' },
    { inputs: [bools(1, 0), x(1, 2), x(1, 2)], when: 'the condition varies' },
  ],
  Xor: decided,
}
