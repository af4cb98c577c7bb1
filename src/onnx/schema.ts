/**
 * The ONNX file format as protobuf messages, up to IR version 13: field numbers and types are facts of the format. Enumerations
 * are read as int32, so that an unknown number stays visible, and doc strings are left out.
 * @module
 */
import protobuf from 'protobufjs/light.js'

/** Newest IR version and ai.onnx opset whose meaning this project knows; later ones make an analysis inconclusive. */
export const NEWEST_IR = 13
export const NEWEST_OPSET = 25

type FieldSpec = string
/** `name: 'type number'`, with `repeated` or `packed` (typed tensor data) behind; readers accept both ways of a list. */
type MessageSpec = Readonly<Record<string, FieldSpec>>

const MESSAGES: Readonly<Record<string, MessageSpec>> = {
  Model: {
    irVersion: 'int64 1',
    producerName: 'string 2',
    producerVersion: 'string 3',
    graph: 'Graph 7',
    opsetImport: 'OperatorSetId 8 repeated',
    metadataProps: 'StringStringEntry 14 repeated',
    functions: 'Function 25 repeated',
  },
  OperatorSetId: { domain: 'string 1', version: 'int64 2' },
  StringStringEntry: { key: 'string 1', value: 'string 2' },
  Graph: {
    node: 'Node 1 repeated',
    name: 'string 2',
    initializer: 'Tensor 5 repeated',
    input: 'ValueInfo 11 repeated',
    output: 'ValueInfo 12 repeated',
    sparseInitializer: 'SparseTensor 15 repeated',
  },
  Node: {
    input: 'string 1 repeated',
    output: 'string 2 repeated',
    name: 'string 3',
    opType: 'string 4',
    attribute: 'Attribute 5 repeated',
    domain: 'string 7',
    overload: 'string 8',
  },
  Attribute: {
    name: 'string 1',
    f: 'float 2',
    i: 'int64 3',
    s: 'bytes 4',
    t: 'Tensor 5',
    g: 'Graph 6',
    floats: 'float 7 repeated',
    ints: 'int64 8 repeated',
    strings: 'bytes 9 repeated',
    type: 'int32 20',
    refAttrName: 'string 21',
  },
  Tensor: {
    dims: 'int64 1 repeated',
    dataType: 'int32 2',
    segment: 'Segment 3',
    floatData: 'float 4 packed',
    int32Data: 'int32 5 packed',
    stringData: 'bytes 6 repeated',
    int64Data: 'int64 7 packed',
    name: 'string 8',
    rawData: 'bytes 9',
    doubleData: 'double 10 packed',
    uint64Data: 'uint64 11 packed',
    externalData: 'StringStringEntry 13 repeated',
    dataLocation: 'int32 14',
  },
  Segment: { begin: 'int64 1', end: 'int64 2' },
  SparseTensor: { values: 'Tensor 1', indices: 'Tensor 2', dims: 'int64 3 repeated' },
  ValueInfo: { name: 'string 1', type: 'Type 2' },
  Type: {
    tensorType: 'TensorType 1',
    sequenceType: 'OtherType 4',
    mapType: 'OtherType 5',
    opaqueType: 'OtherType 7',
    sparseTensorType: 'OtherType 8',
    optionalType: 'OtherType 9',
  },
  TensorType: { elemType: 'int32 1', shape: 'TensorShape 2' },
  OtherType: {},
  TensorShape: { dim: 'Dimension 1 repeated' },
  Dimension: { dimValue: 'int64 1', dimParam: 'string 2' },
  Function: {
    name: 'string 1',
    input: 'string 4 repeated',
    output: 'string 5 repeated',
    attribute: 'string 6 repeated',
    node: 'Node 7 repeated',
    opsetImport: 'OperatorSetId 9 repeated',
    domain: 'string 10',
    attributeProto: 'Attribute 11 repeated',
    overload: 'string 13',
  },
}

function field(spec: FieldSpec): protobuf.IField {
  const [type, id, rule] = spec.split(' ') as [string, string, string?]
  if (!rule) return { type, id: Number(id) }
  return { type, id: Number(id), rule: 'repeated', options: { packed: rule === 'packed' } }
}

/** Fields of which the last one given wins. */
const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  Dimension: ['dimValue', 'dimParam'],
  Type: ['tensorType', 'sequenceType', 'mapType', 'opaqueType', 'sparseTensorType', 'optionalType'],
}

// As in the C++ readers that run the models, which build the format as proto2: a field that is present with its default
// value (a dimension of 0) differs from one that is absent, and repeated messages of a singular field are merged.
const edition = 'proto2'
const root = protobuf.Root.fromJSON({
  edition,
  nested: Object.fromEntries(
    Object.entries(MESSAGES).map(([name, fields]) => [
      name,
      {
        edition,
        fields: Object.fromEntries(Object.entries(fields).map(([key, spec]) => [key, field(spec)])),
        ...(ONE_OF[name] && { oneofs: { value: { oneof: [...ONE_OF[name]] } } }),
      },
    ]),
  ),
} as protobuf.INamespace)

export const ModelMessage: protobuf.Type = root.lookupType('Model')
export const TensorMessage: protobuf.Type = root.lookupType('Tensor')

/** int64 as protobufjs decodes it. */
export interface Int64 {
  readonly low: number
  readonly high: number
  readonly unsigned: boolean
  toNumber(): number
}

/** What protobufjs returns for each message; absent singular fields are undefined here (own properties only). */
export interface WireTensor {
  readonly dims: readonly Int64[]
  readonly dataType?: number
  readonly segment?: unknown
  readonly floatData: readonly number[]
  readonly int32Data: readonly number[]
  readonly stringData: readonly Uint8Array[]
  readonly int64Data: readonly Int64[]
  readonly name?: string
  readonly rawData?: Uint8Array
  readonly doubleData: readonly number[]
  readonly uint64Data: readonly Int64[]
  readonly externalData: readonly WireEntry[]
  readonly dataLocation?: number
}
export interface WireEntry {
  readonly key?: string
  readonly value?: string
}
export interface WireOpset {
  readonly domain?: string
  readonly version?: Int64
}
export interface WireAttribute {
  readonly name?: string
  readonly f?: number
  readonly i?: Int64
  readonly s?: Uint8Array
  readonly t?: WireTensor
  readonly g?: WireGraph
  readonly floats: readonly number[]
  readonly ints: readonly Int64[]
  readonly strings: readonly Uint8Array[]
  readonly type?: number
  readonly refAttrName?: string
}
export interface WireNode {
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly name?: string
  readonly opType?: string
  readonly attribute: readonly WireAttribute[]
  readonly domain?: string
  readonly overload?: string
}
export interface WireDimension {
  readonly dimValue?: Int64
  readonly dimParam?: string
}
export interface WireType {
  readonly tensorType?: { readonly elemType?: number; readonly shape?: { readonly dim: readonly WireDimension[] } }
  readonly sequenceType?: unknown
  readonly mapType?: unknown
  readonly opaqueType?: unknown
  readonly sparseTensorType?: unknown
  readonly optionalType?: unknown
}
export interface WireValueInfo {
  readonly name?: string
  readonly type?: WireType
}
export interface WireGraph {
  readonly node: readonly WireNode[]
  readonly name?: string
  readonly initializer: readonly WireTensor[]
  readonly input: readonly WireValueInfo[]
  readonly output: readonly WireValueInfo[]
  readonly sparseInitializer: readonly { readonly values?: WireTensor }[]
}
export interface WireFunction {
  readonly name?: string
  readonly input: readonly string[]
  readonly output: readonly string[]
  readonly attribute: readonly string[]
  readonly node: readonly WireNode[]
  readonly opsetImport: readonly WireOpset[]
  readonly domain?: string
  readonly attributeProto: readonly WireAttribute[]
  readonly overload?: string
}
export interface WireModel {
  readonly irVersion?: Int64
  readonly producerName?: string
  readonly producerVersion?: string
  readonly graph?: WireGraph
  readonly opsetImport: readonly WireOpset[]
  readonly metadataProps: readonly WireEntry[]
  readonly functions: readonly WireFunction[]
}
