import { checkModel } from './check-model.ts'
import type { AttributeInput, GradientBuilder } from './gradient-builder.ts'
import type { Attribute, DeclaredDim, ElementType, Model, Node, Shape, StoredTensor, ValueInfo } from './ir.ts'
import { sortNodes } from './sort-nodes.ts'
import { storeTensor } from './tensor.ts'

export interface GraphBuilderOptions {
  readonly name?: string
  /** ai.onnx opset; default 18. */
  readonly opset?: number
  /** Default 10. */
  readonly irVersion?: number
  readonly producerName?: string
  readonly producerVersion?: string
  /** Put before the names that the builder makes up. */
  readonly prefix?: string
}

/** Where the names of a node are to be chosen by the caller. */
export interface NodeNames {
  readonly name?: string
  readonly outputs?: readonly string[]
  readonly domain?: string
}

/** Attribute values: as a room gives them, or with their kind spelled out (tensors). */
export type BuilderAttribute = AttributeInput | Attribute

/**
 * Builds a model node by node.
 *
 * @example
 * const b = new GraphBuilder()
 * const x = b.input('x', ['N', 4])
 * const w = b.initializer('w', [4, 2], new Float32Array(8))
 * b.output(b.node('Relu', [b.node('MatMul', [x, w])]), ['N', 2])
 * const model = b.build()
 */
export class GraphBuilder implements GradientBuilder {
  readonly #options: GraphBuilderOptions
  readonly #nodes: Node[] = []
  readonly #inputs: ValueInfo[] = []
  readonly #outputs: ValueInfo[] = []
  readonly #initializers = new Map<string, StoredTensor>()
  readonly #metadata = new Map<string, string>()
  readonly #opsets: Map<string, number>
  readonly #taken = new Set<string>()
  readonly #nodeNames = new Set<string>()
  readonly #small = new Map<string, string>()
  #counter = 0

  constructor(options: GraphBuilderOptions = {}) {
    this.#options = options
    this.#opsets = new Map([['', options.opset ?? 18]])
  }

  /** A graph input; a string dimension is a symbol ('N' for the batch). */
  input(name: string, dims: readonly DeclaredDim[], type: ElementType = 'float32'): string {
    this.reserve(name)
    this.#inputs.push({ name, type, dims })
    return name
  }

  /** A named constant. */
  initializer(name: string, dims: Shape, data: ArrayLike<number>, type: ElementType = 'float32'): string {
    return this.store(storeTensor(name, type, dims, data))
  }

  /** A named constant that is already stored. */
  store(tensor: StoredTensor): string {
    this.reserve(tensor.name)
    this.#initializers.set(tensor.name, tensor)
    return tensor.name
  }

  /** Keeps a name from being made up or used again. */
  reserve(name: string): void {
    if (name === '' || this.#taken.has(name)) throw new Error(`the name '${name}' is empty or already taken`)
    this.#taken.add(name)
  }

  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, BuilderAttribute>> = {},
    names: NodeNames = {},
  ): string {
    return this.nodes(op, inputs, 1, attributes, names)[0]!
  }

  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, BuilderAttribute>> = {},
    names: NodeNames = {},
  ): readonly string[] {
    const made = names.outputs ?? Array.from({ length: outputs }, () => this.#fresh(op))
    if (names.outputs) for (const name of names.outputs) if (name !== '') this.reserve(name)
    this.#push({
      name: names.name ?? `${made.find((output) => output !== '')!}`,
      op,
      domain: names.domain ?? '',
      inputs,
      outputs: made,
      attributes: new Map(Object.entries(attributes).map(([key, value]) => [key, toAttribute(key, value)])),
    })
    return made
  }

  /** A node as it is, names and all. */
  copy(node: Node): void {
    for (const output of node.outputs) if (output !== '') this.reserve(output)
    this.#push(node)
  }

  #push(node: Node): void {
    let name = node.name
    for (let k = 2; this.#nodeNames.has(name); k++) name = `${node.name}_${k}`
    this.#nodeNames.add(name)
    this.#nodes.push(name === node.name ? node : { ...node, name })
  }

  constant(data: ArrayLike<number>, dims?: Shape): string {
    return this.#anonymous('float32', data, dims ?? (data.length === 1 ? [] : [data.length]))
  }

  indices(data: readonly number[], dims?: Shape): string {
    return this.#anonymous('int64', data, dims ?? [data.length])
  }

  /** Small constants are shared. */
  #anonymous(type: ElementType, data: ArrayLike<number>, dims: Shape): string {
    const key =
      data.length <= 16
        ? `${type}[${dims}]${Array.from(data, (value) => (Object.is(value, -0) ? '-0' : value))}`
        : undefined
    const known = key === undefined ? undefined : this.#small.get(key)
    if (known !== undefined) return known
    const name = this.#fresh('constant')
    this.#initializers.set(name, storeTensor(name, type, dims, data))
    if (key !== undefined) this.#small.set(key, name)
    return name
  }

  #fresh(stem: string): string {
    for (;;) {
      const name = `${this.#options.prefix ?? ''}${stem}_${this.#counter++}`
      if (this.#taken.has(name)) continue
      this.#taken.add(name)
      return name
    }
  }

  /** Declares an existing value as a graph output. */
  output(name: string, dims?: readonly DeclaredDim[], type: ElementType = 'float32'): string {
    this.#outputs.push({ name, type, dims })
    return name
  }

  metadata(key: string, value: string): void {
    this.#metadata.set(key, value)
  }

  /** Imports another domain. */
  opset(domain: string, version: number): void {
    this.#opsets.set(domain, version)
  }

  /** What was built so far, unchecked. */
  draft(): { readonly nodes: readonly Node[]; readonly initializers: ReadonlyMap<string, StoredTensor> } {
    return { nodes: [...this.#nodes], initializers: new Map(this.#initializers) }
  }

  /** @throws LipError MODEL_INVALID when a name dangles or the nodes form a cycle */
  build(): Model {
    const model: Model = {
      irVersion: this.#options.irVersion ?? 10,
      opsets: new Map(this.#opsets),
      producerName: this.#options.producerName ?? 'lip-onnx',
      producerVersion: this.#options.producerVersion ?? '',
      metadata: new Map(this.#metadata),
      graph: {
        name: this.#options.name ?? 'graph',
        nodes: sortNodes(this.#nodes),
        inputs: [...this.#inputs],
        outputs: [...this.#outputs],
        initializers: new Map(this.#initializers),
      },
      functions: [],
    }
    checkModel(model)
    return model
  }
}

function toAttribute(name: string, value: BuilderAttribute): Attribute {
  if (typeof value === 'string') return { kind: 'string', value }
  if (typeof value === 'number') return { kind: 'int', value: whole(name, value) }
  if (Array.isArray(value)) return { kind: 'ints', value: value.map((entry: number) => whole(name, entry)) }
  if ('kind' in value) return value
  if ('float' in value) return { kind: 'float', value: Math.fround(value.float) }
  if ('floats' in value) return { kind: 'floats', value: value.floats.map(Math.fround) }
  throw new Error(`attribute '${name}' has no kind`)
}

function whole(name: string, value: number): number {
  if (!Number.isInteger(value))
    throw new Error(`attribute '${name}' is ${value}: write { float: ${value} } for a float`)
  return value
}
