/**
 * The list of rooms. To support a new ONNX operator: one file in this folder, one line here, its inputs and attributes in signatures.ts.
 * @module
 */
import { Abs } from './abs.ts'
import { Add } from './add.ts'
import { And } from './and.ts'
import { ArgMax } from './arg-max.ts'
import { ArgMin } from './arg-min.ts'
import { Atan } from './atan.ts'
import { AveragePool } from './average-pool.ts'
import { BatchNormalization } from './batch-normalization.ts'
import { Cast } from './cast.ts'
import { CastLike } from './cast-like.ts'
import { Ceil } from './ceil.ts'
import { Celu } from './celu.ts'
import { Clip } from './clip.ts'
import { Concat } from './concat.ts'
import { Constant } from './constant.ts'
import { ConstantOfShape } from './constant-of-shape.ts'
import { Conv } from './conv.ts'
import { ConvTranspose } from './conv-transpose.ts'
import { Cos } from './cos.ts'
import { CumSum } from './cum-sum.ts'
import { DepthToSpace } from './depth-to-space.ts'
import { Div } from './div.ts'
import { Dropout } from './dropout.ts'
import { Einsum } from './einsum.ts'
import { Elu } from './elu.ts'
import { Equal } from './equal.ts'
import { Erf } from './erf.ts'
import { Exp } from './exp.ts'
import { Expand } from './expand.ts'
import { Flatten } from './flatten.ts'
import { Floor } from './floor.ts'
import { Gather } from './gather.ts'
import { GatherElements } from './gather-elements.ts'
import { GatherND } from './gather-nd.ts'
import { Gelu } from './gelu.ts'
import { Gemm } from './gemm.ts'
import { GlobalAveragePool } from './global-average-pool.ts'
import { GlobalLpPool } from './global-lp-pool.ts'
import { GlobalMaxPool } from './global-max-pool.ts'
import { Greater } from './greater.ts'
import { GreaterOrEqual } from './greater-or-equal.ts'
import { GroupNormalization } from './group-normalization.ts'
import { HardSigmoid } from './hard-sigmoid.ts'
import { HardSwish } from './hard-swish.ts'
import { Hardmax } from './hardmax.ts'
import { Identity } from './identity.ts'
import { InstanceNormalization } from './instance-normalization.ts'
import { IsInf } from './is-inf.ts'
import { IsNaN } from './is-nan.ts'
import { LayerNormalization } from './layer-normalization.ts'
import { LeakyRelu } from './leaky-relu.ts'
import { Less } from './less.ts'
import { LessOrEqual } from './less-or-equal.ts'
import { Log } from './log.ts'
import { LogSoftmax } from './log-softmax.ts'
import { LpNormalization } from './lp-normalization.ts'
import { LpPool } from './lp-pool.ts'
import { LRN } from './lrn.ts'
import { MatMul } from './mat-mul.ts'
import { Max } from './max.ts'
import { MaxPool } from './max-pool.ts'
import { Mean } from './mean.ts'
import { Min } from './min.ts'
import { Mish } from './mish.ts'
import { Mod } from './mod.ts'
import { Mul } from './mul.ts'
import { Neg } from './neg.ts'
import { NonZero } from './non-zero.ts'
import { Not } from './not.ts'
import { OneHot } from './one-hot.ts'
import type { Operator } from './operator.ts'
import { Or } from './or.ts'
import { PRelu } from './p-relu.ts'
import { Pad } from './pad.ts'
import { Pow } from './pow.ts'
import { Range } from './range.ts'
import { Reciprocal } from './reciprocal.ts'
import { ReduceL1 } from './reduce-l1.ts'
import { ReduceL2 } from './reduce-l2.ts'
import { ReduceLogSum } from './reduce-log-sum.ts'
import { ReduceLogSumExp } from './reduce-log-sum-exp.ts'
import { ReduceMax } from './reduce-max.ts'
import { ReduceMean } from './reduce-mean.ts'
import { ReduceMin } from './reduce-min.ts'
import { ReduceProd } from './reduce-prod.ts'
import { ReduceSum } from './reduce-sum.ts'
import { ReduceSumSquare } from './reduce-sum-square.ts'
import { Relu } from './relu.ts'
import { Reshape } from './reshape.ts'
import { Resize } from './resize.ts'
import { RMSNormalization } from './rms-normalization.ts'
import { Round } from './round.ts'
import { ScatterElements } from './scatter-elements.ts'
import { ScatterND } from './scatter-nd.ts'
import { Selu } from './selu.ts'
import { Shape } from './shape.ts'
import { Shrink } from './shrink.ts'
import { Sigmoid } from './sigmoid.ts'
import { Sign } from './sign.ts'
import { Sin } from './sin.ts'
import { Size } from './size.ts'
import { Slice } from './slice.ts'
import { Softmax } from './softmax.ts'
import { Softplus } from './softplus.ts'
import { Softsign } from './softsign.ts'
import { SpaceToDepth } from './space-to-depth.ts'
import { Split } from './split.ts'
import { Sqrt } from './sqrt.ts'
import { Squeeze } from './squeeze.ts'
import { Sub } from './sub.ts'
import { Sum } from './sum.ts'
import { Swish } from './swish.ts'
import { Tanh } from './tanh.ts'
import { ThresholdedRelu } from './thresholded-relu.ts'
import { Tile } from './tile.ts'
import { TopK } from './top-k.ts'
import { Transpose } from './transpose.ts'
import { Trilu } from './trilu.ts'
import { Unsqueeze } from './unsqueeze.ts'
import { Upsample } from './upsample.ts'
import { Where } from './where.ts'
import { Xor } from './xor.ts'

// biome-ignore format: one room a line
const ROOMS: readonly Operator[] = [
  Abs,
  Add,
  And,
  ArgMax,
  ArgMin,
  Atan,
  AveragePool,
  BatchNormalization,
  Cast,
  CastLike,
  Ceil,
  Celu,
  Clip,
  Concat,
  Constant,
  ConstantOfShape,
  Conv,
  ConvTranspose,
  Cos,
  CumSum,
  DepthToSpace,
  Div,
  Dropout,
  Einsum,
  Elu,
  Equal,
  Erf,
  Exp,
  Expand,
  Flatten,
  Floor,
  Gather,
  GatherElements,
  GatherND,
  Gelu,
  Gemm,
  GlobalAveragePool,
  GlobalLpPool,
  GlobalMaxPool,
  Greater,
  GreaterOrEqual,
  GroupNormalization,
  HardSigmoid,
  HardSwish,
  Hardmax,
  Identity,
  InstanceNormalization,
  IsInf,
  IsNaN,
  LRN,
  LayerNormalization,
  LeakyRelu,
  Less,
  LessOrEqual,
  Log,
  LogSoftmax,
  LpNormalization,
  LpPool,
  MatMul,
  Max,
  MaxPool,
  Mean,
  Min,
  Mish,
  Mod,
  Mul,
  Neg,
  NonZero,
  Not,
  OneHot,
  Or,
  PRelu,
  Pad,
  Pow,
  RMSNormalization,
  Range,
  Reciprocal,
  ReduceL1,
  ReduceL2,
  ReduceLogSum,
  ReduceLogSumExp,
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
  Relu,
  Reshape,
  Resize,
  Round,
  ScatterElements,
  ScatterND,
  Selu,
  Shape,
  Shrink,
  Sigmoid,
  Sign,
  Sin,
  Size,
  Slice,
  Softmax,
  Softplus,
  Softsign,
  SpaceToDepth,
  Split,
  Sqrt,
  Squeeze,
  Sub,
  Sum,
  Swish,
  Tanh,
  ThresholdedRelu,
  Tile,
  TopK,
  Transpose,
  Trilu,
  Unsqueeze,
  Upsample,
  Where,
  Xor,
]

/** op_type -> room, for the ai.onnx domain. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(ROOMS.map((room) => [room.type, room]))

/** The room of a node, or undefined when the operator, its domain or its opset has none (then: inconclusive, named). */
export function roomOf(op: string, domain: string, opset: number): Operator | undefined {
  if (domain !== '' && domain !== 'ai.onnx') return undefined
  const room = OPERATORS.get(op)
  if (!room) return undefined
  const [first, last] = room.opsets ?? [7, 25]
  return opset >= first && opset <= last ? room : undefined
}
