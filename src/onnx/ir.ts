/**
 * The model as the rest of the house sees it: plain values, no protobuf.
 * @module
 */

/** ONNX element types (TensorProto.DataType), by their names in the specification. */
export type ElementType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'complex64'
  | 'complex128'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'uint4'
  | 'int4'
  | 'float4e2m1'
  | 'undefined'

export type Shape = readonly number[]

/**
 * A tensor whose elements are held as float64, which represents every float32, float16, bool and integer up to 2^53
 * exactly. Row-major. int64 beyond 2^53 (the "to the end" of Slice) is rounded to the nearest double: only its size matters.
 */
export interface NdArray {
  readonly type: ElementType
  readonly dims: Shape
  readonly data: Float64Array
  /**
   * Bound on the relative error of each element, both against the real number that the graph defines and against the
   * float32 number that a runtime computes for it; absent or 0 = exact. Constants that the file computes with float
   * arithmetic (Mul, Div, Sqrt of initializers) carry it; Infinity = not tracked.
   */
  readonly relativeError?: number
}

/** A tensor as stored in the file: raw numbers in their own type (bigints for int64), not yet widened. */
export interface StoredTensor {
  readonly name: string
  readonly type: ElementType
  readonly dims: Shape
  /** Elements in the file's own precision; float16/bfloat16 arrive as their bit patterns in a Uint16Array. */
  readonly data:
    | Float32Array
    | Float64Array
    | Int8Array
    | Uint8Array
    | Int16Array
    | Uint16Array
    | Int32Array
    | Uint32Array
    | BigInt64Array
    | BigUint64Array
    | readonly string[]
}

export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensor'; readonly value: StoredTensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  /** Anything else (sparse tensors, types, references inside functions): named, so that it can be refused by name. */
  | { readonly kind: 'other'; readonly value: string }
  /** Inside a function body: takes the value of the caller's attribute of that name. */
  | { readonly kind: 'reference'; readonly value: string }

export interface Node {
  /** Never empty: unnamed nodes are given `<op>_<position>` by the reader. */
  readonly name: string
  readonly op: string
  /** '' is ai.onnx. */
  readonly domain: string
  /** Selects among local functions of one name; absent = ''. */
  readonly overload?: string
  /** '' = omitted optional input. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
}

/** A dimension as declared: a size, a symbol such as 'N', or undefined when the file says nothing. */
export type DeclaredDim = number | string | undefined

export interface ValueInfo {
  readonly name: string
  readonly type: ElementType
  /** undefined = unknown rank. */
  readonly dims: readonly DeclaredDim[] | undefined
}

export interface Graph {
  readonly name: string
  readonly nodes: readonly Node[]
  /** As in the file: may also list initializers (then callers may override them). */
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  readonly initializers: ReadonlyMap<string, StoredTensor>
}

export interface FunctionDefinition {
  readonly domain: string
  readonly name: string
  readonly overload: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly Node[]
  readonly opsets: ReadonlyMap<string, number>
  /** Attribute names with defaults, where the definition gives one. */
  readonly attributes: ReadonlyMap<string, Attribute | undefined>
}

export interface Model {
  readonly irVersion: number
  /** domain -> version; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>
  readonly producerName: string
  readonly producerVersion: string
  readonly metadata: ReadonlyMap<string, string>
  readonly graph: Graph
  readonly functions: readonly FunctionDefinition[]
}
