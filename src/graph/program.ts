import type { Model, Shape } from '../onnx/ir.ts'
import type { Operand, Operator, Site } from '../ops/operator.ts'

/** One node that depends on the graph's inputs, in its place. */
export interface ProgramNode {
  readonly site: Site
  readonly operator: Operator
  /** At least one input depends on a graph input. Always true in `Program.nodes`: the rest is folded into `values`. */
  readonly dynamic: boolean
}

/** Something without a proof, by name. */
export interface Refusal {
  /** Node, tensor or part of the model. */
  readonly name: string
  /** op_type, or 'input', 'initializer', 'constant', 'model'. */
  readonly op: string
  readonly reason: string
}

/**
 * A model at fixed sizes: functions inlined, shapes known, everything that does not depend on the inputs folded, nodes that
 * no output needs left out.
 */
export interface Program {
  /** The model with its local functions inlined. */
  readonly model: Model
  /** Size of axis 0 of the inputs (the first input's when the file fixes it). */
  readonly batch: number
  /** Topological; dynamic nodes with a room only. */
  readonly nodes: readonly ProgramNode[]
  /** Graph inputs that are not initializers. */
  readonly inputs: readonly Operand[]
  /** The graph outputs that are known; one that depends on a refused node is missing here. */
  readonly outputs: readonly Operand[]
  /** Every known tensor by name. */
  readonly values: ReadonlyMap<string, Operand>
  /** Places of the folded nodes, by output: how the file computes a constant. */
  readonly folded: ReadonlyMap<string, Site>
  /**
   * Nothing may be proved about the model while this is not empty. Nodes without a rule make everything downstream unknown;
   * other entries (integer or float16 networks, infinite constants) can still be evaluated, but not proved.
   */
  readonly refused: readonly Refusal[]
  /** How the program was made, so that it can be made again (another batch, variables). */
  readonly source: { readonly model: Model; readonly options: PrepareOptions }
}

export interface PrepareOptions {
  /** Takes the place of an open (symbolic or unknown) first dimension of the inputs. */
  readonly batch: number
  /** Full shapes, batch first, of inputs whose other dimensions are open; an open batch dimension still becomes `batch`. */
  readonly inputShapes?: Readonly<Record<string, Shape>>
  /** Initializers to treat as inputs with a value (not folded), for gradients by weights. */
  readonly variables?: readonly string[]
}
