/**
 * What a node may have for its room to speak about it: how many inputs, which attributes. Known attributes are those that a
 * room takes into account, or that cannot change what it proves (seeds of inference, saturation of types that are refused).
 * A node with any other input or attribute is refused by name: a later opset may give it a meaning, and unknown is not one.
 * @module
 */
import { LipError } from '../errors.ts'
import type { Node } from '../onnx/ir.ts'

interface Signature {
  /** Fewest and most inputs; inputs beyond the fewest may be omitted. */
  readonly inputs: readonly [number, number]
  readonly attributes: readonly string[]
}

const known = (fewest: number, most: number, ...attributes: readonly string[]): Signature => ({
  inputs: [fewest, most],
  attributes,
})

const ANY = Number.POSITIVE_INFINITY
const UNARY = known(1, 1)
const BINARY = known(2, 2)
const VARIADIC = known(1, ANY)
const REDUCTION = known(1, 2, 'axes', 'keepdims', 'noop_with_empty_axes')
const ARGUMENT = known(1, 1, 'axis', 'keepdims', 'select_last_index')
const WINDOW = ['auto_pad', 'ceil_mode', 'dilations', 'kernel_shape', 'pads', 'strides'] as const
const CONVOLUTION = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'] as const

/** Operators with one input and no attribute need no line. */
const SIGNATURES: Readonly<Record<string, Signature>> = {
  Add: BINARY,
  And: BINARY,
  ArgMax: ARGUMENT,
  ArgMin: ARGUMENT,
  AveragePool: known(1, 1, ...WINDOW, 'count_include_pad'),
  BatchNormalization: known(5, 5, 'epsilon', 'momentum', 'spatial', 'training_mode'),
  Cast: known(1, 1, 'to', 'saturate', 'round_mode'),
  CastLike: known(2, 2, 'saturate', 'round_mode'),
  Celu: known(1, 1, 'alpha'),
  Clip: known(1, 3, 'min', 'max'),
  Concat: known(1, ANY, 'axis'),
  Constant: known(
    0,
    0,
    'value',
    'value_float',
    'value_floats',
    'value_int',
    'value_ints',
    'value_string',
    'value_strings',
  ),
  ConstantOfShape: known(1, 1, 'value'),
  Conv: known(2, 3, ...CONVOLUTION),
  ConvTranspose: known(2, 3, ...CONVOLUTION, 'output_padding', 'output_shape'),
  CumSum: known(2, 2, 'exclusive', 'reverse'),
  DepthToSpace: known(1, 1, 'blocksize', 'mode'),
  Div: BINARY,
  Dropout: known(1, 3, 'ratio', 'seed'),
  Einsum: known(1, ANY, 'equation'),
  Elu: known(1, 1, 'alpha'),
  Equal: BINARY,
  Expand: BINARY,
  Flatten: known(1, 1, 'axis'),
  Gather: known(2, 2, 'axis'),
  GatherElements: known(2, 2, 'axis'),
  GatherND: known(2, 2, 'batch_dims'),
  Gelu: known(1, 1, 'approximate'),
  Gemm: known(2, 3, 'alpha', 'beta', 'transA', 'transB'),
  GlobalLpPool: known(1, 1, 'p'),
  Greater: BINARY,
  GreaterOrEqual: BINARY,
  GroupNormalization: known(3, 3, 'epsilon', 'num_groups', 'stash_type'),
  HardSigmoid: known(1, 1, 'alpha', 'beta'),
  Hardmax: known(1, 1, 'axis'),
  InstanceNormalization: known(3, 3, 'epsilon'),
  IsInf: known(1, 1, 'detect_negative', 'detect_positive'),
  LRN: known(1, 1, 'alpha', 'beta', 'bias', 'size'),
  LayerNormalization: known(2, 3, 'axis', 'epsilon', 'stash_type'),
  LeakyRelu: known(1, 1, 'alpha'),
  Less: BINARY,
  LessOrEqual: BINARY,
  LogSoftmax: known(1, 1, 'axis'),
  LpNormalization: known(1, 1, 'axis', 'p'),
  LpPool: known(1, 1, ...WINDOW, 'p'),
  MatMul: BINARY,
  Max: VARIADIC,
  MaxPool: known(1, 1, ...WINDOW, 'storage_order'),
  Mean: VARIADIC,
  Min: VARIADIC,
  Mod: known(2, 2, 'fmod'),
  Mul: BINARY,
  OneHot: known(3, 3, 'axis'),
  Or: BINARY,
  PRelu: BINARY,
  Pad: known(1, 4, 'mode', 'pads', 'value'),
  Pow: BINARY,
  RMSNormalization: known(2, 2, 'axis', 'epsilon', 'stash_type'),
  Range: known(3, 3),
  ReduceL1: REDUCTION,
  ReduceL2: REDUCTION,
  ReduceLogSum: REDUCTION,
  ReduceLogSumExp: REDUCTION,
  ReduceMax: REDUCTION,
  ReduceMean: REDUCTION,
  ReduceMin: REDUCTION,
  ReduceProd: REDUCTION,
  ReduceSum: REDUCTION,
  ReduceSumSquare: REDUCTION,
  Reshape: known(2, 2, 'allowzero'),
  Resize: known(
    1,
    4,
    'antialias',
    'axes',
    'coordinate_transformation_mode',
    'cubic_coeff_a',
    'exclude_outside',
    'extrapolation_value',
    'keep_aspect_ratio_policy',
    'mode',
    'nearest_mode',
  ),
  ScatterElements: known(3, 3, 'axis', 'reduction'),
  ScatterND: known(3, 3, 'reduction'),
  Selu: known(1, 1, 'alpha', 'gamma'),
  Shape: known(1, 1, 'start', 'end'),
  Shrink: known(1, 1, 'bias', 'lambd'),
  Slice: known(1, 5, 'axes', 'ends', 'starts'),
  Softmax: known(1, 1, 'axis'),
  SpaceToDepth: known(1, 1, 'blocksize'),
  Split: known(1, 2, 'axis', 'num_outputs', 'split'),
  Squeeze: known(1, 2, 'axes'),
  Sub: BINARY,
  Sum: VARIADIC,
  Swish: known(1, 1, 'alpha'),
  ThresholdedRelu: known(1, 1, 'alpha'),
  Tile: BINARY,
  TopK: known(1, 2, 'axis', 'k', 'largest', 'sorted'),
  Transpose: known(1, 1, 'perm'),
  Trilu: known(1, 2, 'upper'),
  Unsqueeze: known(1, 2, 'axes'),
  Upsample: known(1, 2, 'mode', 'scales'),
  Where: known(3, 3),
  Xor: BINARY,
}

/**
 * Why the room of a node cannot speak about it: an input or attribute that it does not know; undefined when it can.
 *
 * @throws LipError MODEL_INVALID when an input is missing
 */
export function beyondSignature(node: Node): string | undefined {
  const { inputs, attributes } = SIGNATURES[node.op] ?? UNARY
  const [fewest, most] = inputs
  for (let index = 0; index < fewest; index++)
    if ((node.inputs[index] ?? '') === '')
      throw new LipError('MODEL_INVALID', `Node '${node.name}' (${node.op}) lacks input ${index}.`)
  if (most === ANY && node.inputs.includes(''))
    throw new LipError('MODEL_INVALID', `Node '${node.name}' (${node.op}) lacks input ${node.inputs.indexOf('')}.`)
  if (node.inputs.some((name, index) => name !== '' && index >= most)) return `has an input ${most} without a rule`
  for (const name of node.attributes.keys())
    if (!attributes.includes(name)) return `has an attribute '${name}' without a rule`
  return undefined
}
