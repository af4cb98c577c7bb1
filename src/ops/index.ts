/**
 * The list of rooms. To support a new ONNX operator: one file in this folder, one line here.
 * @module
 */
import type { Operator } from './operator.ts'
import { Relu } from './relu.ts'

// biome-ignore format: one room a line
const ROOMS: readonly Operator[] = [
  Relu,
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
