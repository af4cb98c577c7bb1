/**
 * The list of rooms. To support a new ONNX operator: one file in this folder, one line here.
 * @module
 */
import { Abs } from './abs.ts'
import { Add } from './add.ts'
import { Clip } from './clip.ts'
import { Concat } from './concat.ts'
import { Div } from './div.ts'
import { Flatten } from './flatten.ts'
import { Identity } from './identity.ts'
import { Max } from './max.ts'
import { Mean } from './mean.ts'
import { Min } from './min.ts'
import { Mul } from './mul.ts'
import { Neg } from './neg.ts'
import type { Operator } from './operator.ts'
import { Pow } from './pow.ts'
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
import { Sign } from './sign.ts'
import { Slice } from './slice.ts'
import { Split } from './split.ts'
import { Sqrt } from './sqrt.ts'
import { Sub } from './sub.ts'
import { Sum } from './sum.ts'
import { TopK } from './top-k.ts'
import { Transpose } from './transpose.ts'

// biome-ignore format: one room a line
const ROOMS: readonly Operator[] = [
  Abs,
  Add,
  Clip,
  Concat,
  Div,
  Flatten,
  Identity,
  Max,
  Mean,
  Min,
  Mul,
  Neg,
  Pow,
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
  Sign,
  Slice,
  Split,
  Sqrt,
  Sub,
  Sum,
  TopK,
  Transpose,
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
