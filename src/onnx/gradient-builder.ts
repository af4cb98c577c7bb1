import type { Shape } from './ir.ts'

/** Emits the nodes of a backward pass (graph/differentiate implements it; also usable on its own through onnx/builder). */
export interface GradientBuilder {
  /** Emits a node and returns the name of its first output. Attributes are plain values: integer numbers are ints; wrap floats with `float`. */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, AttributeInput>>): string
  /** The same with several outputs. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes?: Readonly<Record<string, AttributeInput>>,
  ): readonly string[]
  /** A float32 initializer. */
  constant(data: ArrayLike<number>, dims?: Shape): string
  /** An int64 initializer (axes, shapes, pads). */
  indices(data: readonly number[], dims?: Shape): string
}

/** Attribute values as a builder takes them. `float(x)` marks a float; integers are ints. */
export type AttributeInput =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
