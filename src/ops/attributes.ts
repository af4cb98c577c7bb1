/**
 * The attributes that the rooms take into account, or that cannot change what they prove (storage order of positions that
 * nobody bounds, seeds of inference, saturation of types that are refused). A node with any other attribute is refused by
 * name: an attribute of a later opset may change the meaning of an operator, and unknown is not one.
 * @module
 */
const WINDOW = ['auto_pad', 'ceil_mode', 'dilations', 'kernel_shape', 'pads', 'strides'] as const
const CONVOLUTION = ['auto_pad', 'dilations', 'group', 'kernel_shape', 'pads', 'strides'] as const
const REDUCTION = ['axes', 'keepdims', 'noop_with_empty_axes'] as const

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  ArgMax: ['axis', 'keepdims', 'select_last_index'],
  ArgMin: ['axis', 'keepdims', 'select_last_index'],
  AveragePool: [...WINDOW, 'count_include_pad'],
  BatchNormalization: ['epsilon', 'momentum', 'spatial', 'training_mode'],
  Cast: ['to', 'saturate', 'round_mode'],
  CastLike: ['saturate', 'round_mode'],
  Celu: ['alpha'],
  Clip: ['min', 'max'],
  Concat: ['axis'],
  Constant: ['value', 'value_float', 'value_floats', 'value_int', 'value_ints', 'value_string', 'value_strings'],
  ConstantOfShape: ['value'],
  Conv: CONVOLUTION,
  ConvTranspose: [...CONVOLUTION, 'output_padding', 'output_shape'],
  CumSum: ['exclusive', 'reverse'],
  DepthToSpace: ['blocksize', 'mode'],
  Dropout: ['ratio', 'seed'],
  Elu: ['alpha'],
  Flatten: ['axis'],
  Gather: ['axis'],
  GatherElements: ['axis'],
  Gelu: ['approximate'],
  Gemm: ['alpha', 'beta', 'transA', 'transB'],
  GlobalLpPool: ['p'],
  GroupNormalization: ['epsilon', 'num_groups', 'stash_type'],
  HardSigmoid: ['alpha', 'beta'],
  Hardmax: ['axis'],
  InstanceNormalization: ['epsilon'],
  IsInf: ['detect_negative', 'detect_positive'],
  LRN: ['alpha', 'beta', 'bias', 'size'],
  LayerNormalization: ['axis', 'epsilon', 'stash_type'],
  LeakyRelu: ['alpha'],
  LogSoftmax: ['axis'],
  LpNormalization: ['axis', 'p'],
  LpPool: [...WINDOW, 'p'],
  MaxPool: [...WINDOW, 'storage_order'],
  Mod: ['fmod'],
  Pad: ['mode', 'pads', 'value'],
  RMSNormalization: ['axis', 'epsilon', 'stash_type'],
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
  Reshape: ['allowzero'],
  Resize: [
    'antialias',
    'axes',
    'coordinate_transformation_mode',
    'cubic_coeff_a',
    'exclude_outside',
    'extrapolation_value',
    'keep_aspect_ratio_policy',
    'mode',
    'nearest_mode',
  ],
  ScatterElements: ['axis', 'reduction'],
  Selu: ['alpha', 'gamma'],
  Shape: ['start', 'end'],
  Shrink: ['bias', 'lambd'],
  Slice: ['axes', 'ends', 'starts'],
  Softmax: ['axis'],
  SpaceToDepth: ['blocksize'],
  Split: ['axis', 'num_outputs', 'split'],
  Squeeze: ['axes'],
  Swish: ['alpha'],
  ThresholdedRelu: ['alpha'],
  TopK: ['axis', 'k', 'largest', 'sorted'],
  Transpose: ['perm'],
  Trilu: ['upper'],
  Unsqueeze: ['axes'],
  Upsample: ['mode', 'scales'],
}

/** The first attribute of a node that its room does not know; undefined when it knows them all. */
export function unknownAttribute(op: string, attributes: Iterable<string>): string | undefined {
  for (const name of attributes) if (!KNOWN[op]?.includes(name)) return name
  return undefined
}
