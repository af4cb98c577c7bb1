/**
 * Writes a model as an ONNX file. The same model gives the same bytes.
 * @module
 */
import { LipError } from '../errors.ts'
import { writeAtomically } from '../write-atomically.ts'
import { elementCode } from './element-types.ts'
import type { Attribute, FunctionDefinition, Graph, Model, Node, StoredTensor, ValueInfo } from './ir.ts'
import { ModelMessage, TensorMessage } from './schema.ts'

type Wire = Record<string, unknown>

/** Limit of protobuf messages. */
const LARGEST_FILE = 2 ** 31 - 2 ** 20

const sizeInBytes = (data: StoredTensor['data']): number => ('byteLength' in data ? data.byteLength : 0)

/**
 * The bytes of the ONNX file, weights inside as raw data.
 *
 * @throws LipError MODEL_UNSUPPORTED for attributes and types that the reader keeps by name only, and beyond the 2 GB of a file
 */
export function encodeModel(model: Model): Uint8Array {
  const weights = [...model.graph.initializers.values()].reduce((sum, { data }) => sum + sizeInBytes(data), 0)
  if (weights >= LARGEST_FILE)
    throw new LipError(
      'MODEL_UNSUPPORTED',
      `The weights of the model take ${(weights / 2 ** 30).toFixed(1)} GiB, more than one ONNX file can hold, and a changed copy of it would have to be made.`,
    )
  return plain(
    ModelMessage.encode({
      irVersion: model.irVersion,
      ...(model.producerName && { producerName: model.producerName }),
      ...(model.producerVersion && { producerVersion: model.producerVersion }),
      graph: wireGraph(model.graph),
      opsetImport: wireOpsets(model.opsets),
      metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
      functions: model.functions.map(wireFunction),
    }).finish(),
  )
}

/** protobufjs gives a Buffer in Node. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Writes to a temporary file beside `path`, then renames: readers see the old file or the new one, never half of one. */
export async function writeModel(model: Model, path: string): Promise<void> {
  await writeAtomically(path, encodeModel(model), { what: `The model '${path}'` })
}

/** A TensorProto on its own, as in test data sets. */
export function encodeTensorFile(tensor: StoredTensor): Uint8Array {
  return plain(TensorMessage.encode(wireTensor(tensor)).finish())
}

function wireGraph(graph: Graph): Wire {
  return {
    node: graph.nodes.map(wireNode),
    name: graph.name,
    initializer: [...graph.initializers.values()].map(wireTensor),
    input: graph.inputs.map(wireValueInfo),
    output: graph.outputs.map(wireValueInfo),
  }
}

function wireOpsets(opsets: ReadonlyMap<string, number>): Wire[] {
  return [...opsets].map(([domain, version]) => ({ domain, version }))
}

function wireFunction(definition: FunctionDefinition): Wire {
  const defaults = [...definition.attributes].filter((entry): entry is [string, Attribute] => entry[1] !== undefined)
  return {
    name: definition.name,
    domain: definition.domain,
    ...(definition.overload && { overload: definition.overload }),
    input: definition.inputs,
    output: definition.outputs,
    attribute: [...definition.attributes].filter(([, value]) => value === undefined).map(([name]) => name),
    attributeProto: defaults.map(([name, value]) => wireAttribute(name, value)),
    node: definition.nodes.map(wireNode),
    opsetImport: wireOpsets(definition.opsets),
  }
}

function wireNode(node: Node): Wire {
  return {
    input: node.inputs,
    output: node.outputs,
    name: node.name,
    opType: node.op,
    attribute: [...node.attributes].map(([name, value]) => wireAttribute(name, value)),
    ...(node.domain && { domain: node.domain }),
    ...(node.overload && { overload: node.overload }),
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

function wireAttribute(name: string, attribute: Attribute): Wire {
  switch (attribute.kind) {
    case 'float':
      return { name, type: 1, f: attribute.value }
    case 'int':
      return { name, type: 2, i: int64(attribute.value) }
    case 'string':
      return { name, type: 3, s: bytesOf(attribute.value) }
    case 'tensor':
      return { name, type: 4, t: wireTensor(attribute.value) }
    case 'graph':
      return { name, type: 5, g: wireGraph(attribute.value) }
    case 'floats':
      return { name, type: 6, floats: attribute.value }
    case 'ints':
      return { name, type: 7, ints: attribute.value.map(int64) }
    case 'strings':
      return { name, type: 8, strings: attribute.value.map(bytesOf) }
    case 'reference':
      return { name, refAttrName: attribute.value }
    case 'other':
      throw new LipError('MODEL_UNSUPPORTED', `The attribute '${name}' (${attribute.value}) cannot be written.`)
  }
}

/** Whole number -> int64; values rounded up to 2^63 by the reader go back to 2^63 - 1. */
function int64(value: number): { low: number; high: number; unsigned: boolean } {
  if (!Number.isInteger(value)) throw new Error(`an int attribute cannot be ${value}`)
  const clamped = value >= 2 ** 63 ? 2n ** 63n - 1n : value < -(2 ** 63) ? -(2n ** 63n) : BigInt(value)
  return { low: Number(BigInt.asIntN(32, clamped)), high: Number(BigInt.asIntN(32, clamped >> 32n)), unsigned: false }
}

function wireTensor(tensor: StoredTensor): Wire {
  const { name, type, dims, data } = tensor
  const base = { dims, dataType: elementCode(type), ...(name && { name }) }
  if (type === 'undefined')
    throw new LipError('MODEL_UNSUPPORTED', `Tensor '${name}' has a type that cannot be written.`)
  if (type === 'string') return { ...base, stringData: (data as readonly string[]).map(bytesOf) }
  const array = data as Float32Array
  if (type === 'int4' || type === 'uint4' || type === 'float4e2m1') return { ...base, rawData: packNibbles(array) }
  return { ...base, rawData: new Uint8Array(array.buffer, array.byteOffset, array.byteLength) }
}

function packNibbles(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 2))
  for (let i = 0; i < values.length; i++) bytes[i >> 1]! |= (values[i]! & 15) << (i % 2 === 0 ? 0 : 4)
  return bytes
}

function wireValueInfo({ name, type, dims }: ValueInfo): Wire {
  if (type === 'undefined') return { name }
  const shape = dims && { dim: dims.map(wireDim) }
  return { name, type: { tensorType: { elemType: elementCode(type), ...(shape && { shape }) } } }
}

function wireDim(dim: number | string | undefined): Wire {
  if (dim === undefined) return {}
  return typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim }
}
