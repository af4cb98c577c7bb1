/**
 * What a room is: everything that is known about one ONNX operator, side by side with the reason it is true.
 * Interpreters (graph/, lipschitz/) walk these fields and know no operator by name.
 * @module
 */
import type { GradientBuilder } from '../onnx/gradient-builder.ts'
import type { Attribute, ElementType, NdArray, Node, Shape } from '../onnx/ir.ts'
import type { Interval } from './interval.ts'
import type { ExpressionPool, SymbolicArray } from './symbolic.ts'

/** Type and static shape. All analysis runs at fixed sizes (the batch is specialised first), so every dim is a number. */
export interface TensorType {
  readonly type: ElementType
  readonly dims: Shape
}

/** One input or output of a node in its place. */
export interface Operand extends TensorType {
  readonly name: string
  /** Present when the value does not depend on the graph's inputs. */
  readonly constant?: NdArray
}

/** A node in its place: attributes, opset, operands with their shapes and constants. */
export interface Site {
  readonly node: Node
  /** Version of the node's domain that the model imports. */
  readonly opset: number
  /** undefined = optional input omitted. */
  readonly inputs: readonly (Operand | undefined)[]
  /** Empty while `shape` runs. */
  readonly outputs: readonly Operand[]
  /** Input `index`, or a MODEL_INVALID error that names the node. */
  input(index: number): Operand
  /** The constant value of input `index`; undefined when the input is omitted or not constant. */
  constant(index: number): NdArray | undefined
  has(attribute: string): boolean
  attribute(name: string): Attribute | undefined
  int(name: string, fallback?: number): number
  float(name: string, fallback?: number): number
  string(name: string, fallback?: string): string
  ints(name: string, fallback?: readonly number[]): readonly number[]
  floats(name: string, fallback?: readonly number[]): readonly number[]
}

/** The convolution that a linear node performs, for the norm enclosures (channels first, any spatial rank 1..3). */
export interface ConvolutionStructure {
  readonly kind: 'convolution'
  /** `[out, in / groups, ...kernel]` of the (forward) convolution; for a transposed one, of the convolution it is adjoint to. */
  readonly weights: NdArray
  readonly groups: number
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly padsBegin: readonly number[]
  readonly padsEnd: readonly number[]
  /** Spatial size of the convolution's input (for a transposed one: of its output). */
  readonly spatial: readonly number[]
  /** The node applies the adjoint of the convolution described. */
  readonly transposed: boolean
  /**
   * Bound on the norm of the entrywise absolute difference between the operator meant and the one written here, in the
   * units of the operator (composed and folded kernels whose rounding is not relative to each element). Absent = 0.
   */
  readonly perturbation?: number
}

/** y = x W (or W x): the same matrix applied to every vector along one axis; norm = sigma_max(matrix). */
export interface MatrixStructure {
  readonly kind: 'matrix'
  /** `[out, in]`, row-major. */
  readonly matrix: NdArray
  /**
   * Bound on the norm of the entrywise absolute difference between the operator meant and the one written here, in the
   * units of the operator (composed and folded kernels whose rounding is not relative to each element). Absent = 0.
   */
  readonly perturbation?: number
}

/** Block diagonal: matrix k acts on every vector of its own part of the input; norm = the largest of the blocks. */
export interface BlocksStructure {
  readonly kind: 'blocks'
  /** `[out, in]` each. */
  readonly blocks: readonly NdArray[]
}

/** y = c * x elementwise with a constant that broadcasts to `dims`; norm = max |c|. */
export interface DiagonalStructure {
  readonly kind: 'diagonal'
  readonly scale: NdArray
}

/** A tensor product of small one-dimensional matrices, one an axis (separable Resize); norm = product of their norms. */
export interface KroneckerStructure {
  readonly kind: 'kronecker'
  readonly factors: readonly NdArray[]
  /** One a factor, as in MatrixStructure. Absent = 0. */
  readonly perturbations?: readonly number[]
}

/** Norm known in closed form (a sum over N entries has sqrt(N)). */
export interface ClosedFormStructure {
  readonly kind: 'closed-form'
  /**
   * Sound upper bound on the norm of the operator and of the operator with the absolute values of its entries (the same where
   * every row or every column has one entry, or all entries one sign), rounded up.
   */
  readonly norm: number
  readonly because: string
}

export type LinearStructure =
  | ConvolutionStructure
  | MatrixStructure
  | BlocksStructure
  | DiagonalStructure
  | KroneckerStructure
  | ClosedFormStructure

/**
 * What a node does to L2 distances, as a function of its dynamic (non-constant) inputs.
 * `because` is shown by --explain: name the theorem.
 */
export type LipschitzRule =
  /** Every output element is a copy of an input element or a constant: evaluation commutes with relabelling. */
  (
    | { readonly kind: 'move' }
    /** Affine in its one dynamic input; the adjoint of the linear part is `vjp`, evaluated in float64. */
    | { readonly kind: 'affine'; readonly structure: LinearStructure }
    /** |f(a) - f(b)| <= value |a - b| for the one dynamic input. `value` must be rounded up. */
    | { readonly kind: 'constant'; readonly value: number; readonly because: string }
    /**
     * Several dynamic inputs: a sound bound of L(output) from the L of each dynamic input (in input order, undefined for
     * constants). `linear` when the node is jointly linear in them (Add, Concat): it may then be part of an affine segment.
     */
    | {
        readonly kind: 'combine'
        readonly combine: (bounds: readonly (number | undefined)[]) => number
        readonly linear: boolean
        readonly because: string
      }
    /** Does not change which class wins, and is stripped when it ends the graph; `value` bounds it elsewhere. */
    | { readonly kind: 'monotone-head'; readonly axis: number; readonly value: number; readonly because: string }
    /** Discontinuous or unbounded: refused by name, with the reason. */
    | { readonly kind: 'unbounded'; readonly because: string }
  ) & {
    /**
     * The outputs that the rule bounds, as positions; absent = all. Any other output (the indices of TopK and MaxPool) is a
     * discontinuous function of the input: its value is known to exist and nothing more, so a node that computes with it is unbounded.
     */
    readonly outputs?: readonly number[]
  }

/** What rounding the executed float32 node adds, u = 2^-24 (docs/soundness.md 10.1, 10.2). */
export type RoundingRule =
  /** Copies, comparisons, max/min: no rounding. */
  | { readonly kind: 'exact' }
  /**
   * |fl(y_i) - y_i| <= ulps * u * |y_i| + inputUlps * u * |x_i| + absolute + tiny, y computed exactly from the inputs as
   * executed; x is the one dynamic input. `inputUlps` (elementwise functions that cancel, such as Gelu at negative x) and
   * `absolute` (underflow of squares, tables near a zero) are 0 when absent. `power`: the node forms sums of |x_i|^power inside,
   * which must not overflow.
   */
  | {
      readonly kind: 'relative'
      readonly ulps: number
      readonly inputUlps?: number
      readonly absolute?: number
      readonly power?: number
    }
  /**
   * Each output is a sum of at most `terms` products (bias included), in any order:
   * |fl(y_i) - y_i| <= g(terms + extra) u (|W||x| + |b|)_i + tiny.
   * `offset` (0 when absent) is added to |b| where a bias is itself a difference that may cancel (BatchNormalization).
   * `gain` (1 when absent) is the largest factor that a sum is multiplied by afterwards (alpha of Gemm): what had underflowed
   * before is magnified by it. `partial` (1 when absent): partial results are at most that many times the products; they must
   * not overflow.
   */
  | {
      readonly kind: 'dot'
      readonly terms: number
      readonly offset?: number
      readonly gain?: number
      readonly partial?: number
    }
  /** |fl(y_i) - y_i| <= absolute, for every element (table-driven functions with a bounded range). */
  | { readonly kind: 'absolute'; readonly error: number }
  | { readonly kind: 'unknown'; readonly because: string }

/** How output rows (axis 0) depend on input rows; data movement is decided on the index maps instead. */
export type RowRule =
  /** Element by element with broadcasting. */
  | 'elementwise'
  /** Output row i depends on row i of each dynamic input only. */
  | 'rows'
  /** Rows are mixed (ReduceMean over axis 0, BatchNormalization in training mode, Gemm with transA). */
  | 'mixed'

export type { AttributeInput, GradientBuilder } from '../onnx/gradient-builder.ts'

export interface Operator {
  /** op_type in the ai.onnx domain. */
  readonly type: string
  /** Opset versions whose meaning this room knows; default 7..25. Outside it the node is refused by name. */
  readonly opsets?: readonly [number, number]
  /** Types and shapes of the outputs. Throws LipError MODEL_INVALID naming the node when the inputs cannot be. */
  shape(site: Site): readonly TensorType[]
  /** Exact meaning in float64. `inputs[i]` is undefined only for an omitted optional input. */
  evaluate(site: Site, inputs: readonly (NdArray | undefined)[]): readonly NdArray[]
  /**
   * The value depends only on the shapes of the inputs (Shape, Size): a constant at fixed sizes. `evaluate` is then called
   * with arrays whose `dims` are right and whose `data` is empty.
   */
  readonly shapeOnly?: true
  /** Positions of inputs of which only the type and the shape matter: they make no result depend on the graph's inputs. */
  readonly typeOnlyInputs?: readonly number[]
  /**
   * For constants that the file computes: bound on the relative error of every output element when input i has relative
   * error `errors[i]` (0 = exact, Infinity = unknown), the operator's own rounding excluded. Mul: (1 + a)(1 + b) - 1.
   * Absent: errors pass through data movement and nothing else.
   */
  relativeError?(site: Site, errors: readonly number[]): number
  /**
   * For operators whose outputs are sums of products of input elements: the sums of the absolute values of those products, of the first
   * output. `inputs` are absolute values already. Absent: the outputs are no such sums.
   */
  magnitudes?(site: Site, inputs: readonly (NdArray | undefined)[]): readonly NdArray[]
  /** Called only with at least one dynamic input. */
  lipschitz(site: Site): LipschitzRule
  /**
   * An interval that holds every element of the first output, from those of the inputs, for operators that fusion does not look
   * through. Absent: nothing is known.
   */
  range?(site: Site, inputs: readonly Interval[]): Interval
  /**
   * For operators that are unbounded in general: bounds of |dy / dx_k| where every element of input k lies in `inputs[k]`, one an
   * input (of a constant: not used), and the operator is defined there. undefined anywhere: none.
   */
  slopes?(site: Site, inputs: readonly Interval[]): readonly (number | undefined)[] | undefined
  rounding(site: Site): RoundingRule
  rows(site: Site): RowRule
  /**
   * Reverse mode: from the cotangent of each output (undefined = zero) to that of each wanted input, as ONNX nodes of
   * opset 18 that onnxruntime runs. One choice at a kink, never a mixture (ties must not halve the gradient).
   * For a linear operator this is its adjoint, and the proof uses it as such.
   */
  vjp?(
    site: Site,
    builder: GradientBuilder,
    cotangents: readonly (string | undefined)[],
    wanted: readonly boolean[],
  ): readonly (string | undefined)[]
  /**
   * Index-level symbolic execution (graph/fusion): the output elements as expressions over the elements of an ancestor.
   * Absent for operators that fusion does not look through. `move` operators need none: their `evaluate` is run on the
   * expression numbers themselves. Returns undefined when this use of the operator cannot be expressed.
   */
  symbolic?(
    site: Site,
    inputs: readonly (SymbolicArray | undefined)[],
    pool: ExpressionPool,
  ): readonly SymbolicArray[] | undefined
}
