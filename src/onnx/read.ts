/**
 * Reads an ONNX file. Nothing in it is trusted: sizes are checked against data that is there, names against each other, and
 * what cannot be decoded is an error that names the place.
 * @module
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LipError } from '../errors.ts'
import { checkModel } from './check-model.ts'
import { decodeTensor } from './decode-tensor.ts'
import { elementType } from './element-types.ts'
import type { ExternalFolder } from './external-data.ts'
import type { Attribute, DeclaredDim, FunctionDefinition, Graph, Model, Node, StoredTensor, ValueInfo } from './ir.ts'
import type {
  WireAttribute,
  WireFunction,
  WireGraph,
  WireModel,
  WireNode,
  WireOpset,
  WireTensor,
  WireValueInfo,
} from './schema.ts'
import { ModelMessage, TensorMessage } from './schema.ts'

/** A file beside the model that holds tensors of it. */
export interface ExternalFile {
  /** As the model names it, relative to its folder. */
  readonly location: string
  readonly sha256: string
  readonly bytes: number
}

export interface LoadedModel {
  readonly model: Model
  /** The file as it is, for a runtime. External data is not in it. */
  readonly bytes: Uint8Array
  /** Of `bytes`, in hexadecimal. */
  readonly sha256: string
  /** Every data file that the model reads, by name. */
  readonly externalData: readonly ExternalFile[]
  readonly path: string
}

/**
 * Reads and decodes the model at `path`; external data is read from its folder.
 *
 * @throws LipError FILE_NOT_FOUND, MODEL_INVALID, or MODEL_UNSUPPORTED for features with no proof (sparse initializers)
 */
export async function readModel(path: string): Promise<LoadedModel> {
  let bytes: Uint8Array
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new LipError('FILE_NOT_FOUND', `The model '${path}' is not a file.`)
    if (found.size >= 2 ** 31)
      throw new LipError('MODEL_INVALID', `The model '${path}' is larger than the 2 GB that ONNX files can have.`, {
        hint: 'Keep the weights of large models in an external data file.',
      })
    bytes = await readFile(path)
  } catch (cause) {
    if (cause instanceof LipError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    const why = code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist' : `cannot be read (${code ?? cause})`
    throw new LipError('FILE_NOT_FOUND', `The model '${path}' ${why}.`, { cause })
  }
  const folder = dirname(resolve(path))
  const files = new Set<string>()
  const model = decodeModel(bytes, { file: `The file '${path}'`, folder, externalFiles: files })
  const externalData: ExternalFile[] = []
  for (const location of [...files].sort()) externalData.push(await hashFile(folder, location))
  return { model, bytes, sha256: createHash('sha256').update(bytes).digest('hex'), externalData, path }
}

/** The hash of a whole data file, read piece by piece: it may be larger than memory. */
async function hashFile(folder: string, location: string): Promise<ExternalFile> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(join(folder, location)) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
  } catch (cause) {
    throw new LipError('FILE_NOT_FOUND', `The external data file '${location}' cannot be read.`, { cause })
  }
  return { location, sha256: hash.digest('hex'), bytes }
}

/**
 * Decodes the bytes of an ONNX file and checks that its graph is one: no duplicate or dangling names, no cycle.
 *
 * @param options.file how sentences about the file begin; `folder` where external data may lie; `externalFiles` hears which files there were read
 * @throws LipError MODEL_INVALID, or MODEL_UNSUPPORTED for features with no proof
 */
export function decodeModel(
  bytes: Uint8Array,
  options: { file?: string; folder?: string; externalFiles?: Set<string> } = {},
): Model {
  const { file = 'The file' } = options
  const wire = decodeMessage<WireModel>(ModelMessage, bytes, `${file} is not an ONNX model`)
  const irVersion = has(wire, 'irVersion')?.toNumber() ?? 0
  const graph = has(wire, 'graph')
  if (irVersion < 1 || !graph || wire.opsetImport.length === 0)
    throw new LipError('MODEL_INVALID', `${file} is not an ONNX model${whatElse(bytes)}.`)
  const folder =
    options.folder === undefined
      ? undefined
      : { path: options.folder, files: options.externalFiles ?? new Set<string>() }
  const model: Model = {
    irVersion,
    opsets: opsets(wire.opsetImport),
    producerName: has(wire, 'producerName') ?? '',
    producerVersion: has(wire, 'producerVersion') ?? '',
    metadata: new Map(wire.metadataProps.map((entry) => [has(entry, 'key') ?? '', has(entry, 'value') ?? ''])),
    graph: decodeGraph(graph, folder),
    functions: wire.functions.map((definition) => decodeFunction(definition, folder)),
  }
  checkModel(model)
  return model
}

/** A TensorProto on its own (`.pb` files of test data sets). */
export function decodeTensorFile(bytes: Uint8Array): StoredTensor {
  return decodeTensor(decodeMessage<WireTensor>(TensorMessage, bytes, 'The file is not an ONNX tensor'), undefined, '')
}

function decodeMessage<T>(type: typeof ModelMessage, bytes: Uint8Array, problem: string): T {
  try {
    return type.decode(bytes) as unknown as T
  } catch (cause) {
    throw new LipError('MODEL_INVALID', `${problem}, or it is cut off or damaged${whatElse(bytes)}.`, {
      cause,
    })
  }
}

/** Common mistakes, told apart by the first bytes. */
function whatElse(bytes: Uint8Array): string {
  if (bytes.length === 0) return ' (it is empty)'
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 64))
  if (start.startsWith('version https://git-lfs')) return " (it is a Git LFS pointer: run 'git lfs pull')"
  if (start.startsWith('PK')) return ' (it is a zip archive, perhaps a .keras or .npz file)'
  if (start.startsWith('\x89HDF')) return ' (it is an HDF5 file)'
  if (start.slice(4, 8) === 'ORTM') return ' (it is in the ORT format: give the .onnx file that it was made from)'
  if (/^\s*[{<]/.test(start)) return ' (it is a text file)'
  return ''
}

/** An own property: defaults of absent fields live on the prototype. */
function has<T extends object, K extends keyof T>(message: T, key: K): T[K] | undefined {
  return Object.hasOwn(message, key) ? message[key] : undefined
}

function opsets(imports: readonly WireOpset[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  for (const entry of imports) {
    const domain = normalDomain(has(entry, 'domain'))
    const version = has(entry, 'version')?.toNumber() ?? 0
    const before = found.get(domain)
    if (before !== undefined && before !== version)
      throw new LipError(
        'MODEL_INVALID',
        `The model imports two versions of the domain '${domain || 'ai.onnx'}' (${before} and ${version}).`,
      )
    found.set(domain, version)
  }
  return found
}

function normalDomain(domain: string | undefined): string {
  return domain === undefined || domain === 'ai.onnx' ? '' : domain
}

function decodeGraph(wire: WireGraph, folder: ExternalFolder | undefined): Graph {
  const sparse = wire.sparseInitializer[0]
  if (sparse)
    throw new LipError(
      'MODEL_UNSUPPORTED',
      `The initializer '${sparse.values?.name ?? ''}' is sparse, which is not supported.`,
      { hint: 'Export the model with dense weights.' },
    )
  const initializers = new Map<string, StoredTensor>()
  for (const tensor of wire.initializer) {
    const stored = decodeTensor(tensor, folder, '')
    if (initializers.has(stored.name))
      throw new LipError('MODEL_INVALID', `Two initializers are named '${stored.name}'.`)
    initializers.set(stored.name, stored)
  }
  return {
    name: has(wire, 'name') ?? '',
    nodes: decodeNodes(wire.node, folder),
    inputs: wire.input.map(decodeValueInfo),
    outputs: wire.output.map(decodeValueInfo),
    initializers,
  }
}

/** Every node gets a name of its own: reports and refusals go by it. */
function decodeNodes(nodes: readonly WireNode[], folder: ExternalFolder | undefined): Node[] {
  const taken = new Set(nodes.map((node) => has(node, 'name') ?? ''))
  const used = new Set<string>()
  return nodes.map((wire, position) => {
    const op = has(wire, 'opType') ?? ''
    const given = has(wire, 'name') ?? ''
    let name = given === '' ? `${op}_${position}` : given
    for (let k = 2; used.has(name) || (name !== given && taken.has(name)); k++)
      name = `${given || `${op}_${position}`}_${k}`
    used.add(name)
    if (op === '') throw new LipError('MODEL_INVALID', `Node '${name}' has no operator.`)
    const attributes = new Map<string, Attribute>()
    for (const attribute of wire.attribute) {
      const key = has(attribute, 'name') ?? ''
      if (attributes.has(key))
        throw new LipError('MODEL_INVALID', `Node '${name}' (${op}) has the attribute '${key}' twice.`)
      attributes.set(key, decodeAttribute(attribute, folder, ` of node '${name}' (${op})`))
    }
    const overload = has(wire, 'overload')
    return {
      name,
      op,
      domain: normalDomain(has(wire, 'domain')),
      ...(overload ? { overload } : {}),
      inputs: [...wire.input],
      outputs: [...wire.output],
      attributes,
    }
  })
}

function decodeAttribute(wire: WireAttribute, folder: ExternalFolder | undefined, where: string): Attribute {
  const reference = has(wire, 'refAttrName')
  if (reference) return { kind: 'reference', value: reference }
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
  switch (has(wire, 'type') ?? 0) {
    case 1:
      return { kind: 'float', value: has(wire, 'f') ?? 0 }
    case 2:
      return { kind: 'int', value: has(wire, 'i')?.toNumber() ?? 0 }
    case 3:
      return { kind: 'string', value: text(has(wire, 's') ?? new Uint8Array(0)) }
    case 4: {
      const tensor = has(wire, 't')
      if (!tensor) break
      return { kind: 'tensor', value: decodeTensor(tensor, folder, ` in attribute '${wire.name}'${where}`) }
    }
    case 5: {
      const graph = has(wire, 'g')
      if (!graph) break
      return { kind: 'graph', value: decodeGraph(graph, folder) }
    }
    case 6:
      return { kind: 'floats', value: [...wire.floats] }
    case 7:
      return { kind: 'ints', value: wire.ints.map((value) => value.toNumber()) }
    case 8:
      return { kind: 'strings', value: wire.strings.map(text) }
    case 0:
      break
    default:
      return { kind: 'other', value: `attribute type ${wire.type}` }
  }
  throw new LipError('MODEL_INVALID', `The attribute '${has(wire, 'name') ?? ''}'${where} has no type or no value.`)
}

function decodeValueInfo(wire: WireValueInfo): ValueInfo {
  const name = has(wire, 'name') ?? ''
  const type = has(wire, 'type')
  const tensor = type && has(type, 'tensorType')
  // Sequences, maps, optionals: 'undefined', so that whoever uses the value is refused by name.
  if (!tensor) return { name, type: 'undefined', dims: undefined }
  const shape = has(tensor, 'shape')
  return {
    name,
    type: elementType(has(tensor, 'elemType') ?? 0),
    dims: shape?.dim.map((dim): DeclaredDim => {
      const size = has(dim, 'dimValue')?.toNumber()
      const symbol = has(dim, 'dimParam')
      if (size !== undefined) return size >= 0 ? size : undefined
      return symbol === '' ? undefined : symbol
    }),
  }
}

function decodeFunction(wire: WireFunction, folder: ExternalFolder | undefined): FunctionDefinition {
  const name = has(wire, 'name') ?? ''
  const attributes = new Map<string, Attribute | undefined>(wire.attribute.map((attribute) => [attribute, undefined]))
  for (const attribute of wire.attributeProto)
    attributes.set(has(attribute, 'name') ?? '', decodeAttribute(attribute, folder, ` of function '${name}'`))
  return {
    domain: normalDomain(has(wire, 'domain')),
    name,
    overload: has(wire, 'overload') ?? '',
    inputs: [...wire.input],
    outputs: [...wire.output],
    nodes: decodeNodes(wire.node, folder),
    opsets: opsets(wire.opsetImport),
    attributes,
  }
}
