/**
 * Models that Keras saved: `.keras` archives (Keras 3) and legacy `.h5` files, with or without deel-lip's layers.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { strFromU8, strToU8, unzipSync } from 'fflate'
import { LipError } from '../../errors.ts'
import type { LayerDescription, NetworkDescription, WeightArray } from '../description.ts'
import { type WeightsFile, withWeightsFile } from './weights-file.ts'

interface KerasLayer {
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>>
}

interface KerasModel {
  readonly class_name: string
  readonly config: { readonly name?: string; readonly layers?: readonly KerasLayer[] }
}

/**
 * Reads a Sequential model with the weights that its inference uses: deel-lip's `wbar` where a layer has one.
 *
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID (not a Keras file), CONFIG_INVALID (a model that is not Sequential)
 */
export async function readKerasModel(path: string): Promise<NetworkDescription> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `The model '${path}' cannot be read.`, { cause })
  })
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b
  return isZip ? readArchive(new Uint8Array(bytes), path) : readLegacy(new Uint8Array(bytes), path)
}

async function readArchive(bytes: Uint8Array, path: string): Promise<NetworkDescription> {
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes)
  } catch (cause) {
    throw notKeras(path, 'is a damaged archive', cause)
  }
  const config = files['config.json']
  const weights = files['model.weights.h5']
  if (!config || !weights) throw notKeras(path, `lacks ${config ? 'model.weights.h5' : 'config.json'}`)
  const model = parseJson(strFromU8(config), path)
  const { keras_version: version } = JSON.parse(strFromU8(files['metadata.json'] ?? strToU8('{}'))) as Record<
    string,
    string
  >
  return withWeightsFile(weights, path, (file) => describe(model, path, version, archiveWeights(file)))
}

async function readLegacy(bytes: Uint8Array, path: string): Promise<NetworkDescription> {
  return withWeightsFile(bytes, path, (file) => {
    const config = file.attribute('', 'model_config')
    if (!config) throw notKeras(path, 'holds weights without a model (no model_config)')
    return describe(parseJson(config, path), path, file.attribute('', 'keras_version'), legacyWeights(file))
  })
}

type WeightsOf = (layer: KerasLayer, name: string) => Record<string, WeightArray>

function describe(
  model: KerasModel,
  path: string,
  version: string | undefined,
  weightsOf: WeightsOf,
): NetworkDescription {
  if (stripPackage(model.class_name) !== 'Sequential' || !model.config.layers) {
    throw new LipError(
      'CONFIG_INVALID',
      `'${path}' holds a ${model.class_name} model; only Sequential models are exported.`,
    )
  }
  let inputShape: readonly number[] | undefined
  const layers: LayerDescription[] = []
  for (const layer of model.config.layers) {
    const className = stripPackage(layer.class_name)
    const shape = (layer.config.batch_shape ?? layer.config.batch_input_shape) as (number | null)[] | undefined
    if (shape && !inputShape) inputShape = shape.slice(1).map((size) => sizeOrThrow(size, path))
    const name = String(layer.config.name)
    layers.push({
      className,
      name,
      config: configOf(className, layer.config, version),
      weights: effective(className, weightsOf(layer, name)),
    })
  }
  if (!inputShape) throw notKeras(path, 'does not declare the shape of its input')
  return { name: model.config.name ?? 'model', inputShape, layers }
}

/** deel-lip for Keras 3 computes its L2 poolings as sqrt(mean + eps); the saved configuration does not say so. */
function configOf(className: string, config: KerasLayer['config'], version = '3'): KerasLayer['config'] {
  if (!/^Scaled(Global)?L2NormPooling2D$/.test(className) || !version.startsWith('3')) return config
  return { ...config, epsilon_under_root: config.eps_grad_sqrt ?? 1e-6 }
}

/** deel-lip's inference multiplies with the stored wbar; layers without one use their kernel. */
function effective(className: string, weights: Record<string, WeightArray>): Record<string, WeightArray> {
  const out: Record<string, WeightArray> = { ...weights }
  delete out.wbar
  delete out.sn
  delete out.sigma
  if (weights.wbar && className !== 'PadConv2D') out.kernel = weights.wbar
  return out
}

/**
 * Keras 3 numbers the variables of a layer in `layers/<group>/vars`: kernel, bias; deel-lip adds wbar, sn, sigma by name. The
 * group is called after the layer, or after its class with a running number (older 3.x).
 */
function archiveWeights(file: WeightsFile): WeightsOf {
  const root = file.list('').includes('_layer_checkpoint_dependencies') ? '_layer_checkpoint_dependencies' : 'layers'
  const groups = file.list(root)
  const used = new Map<string, number>()
  return (layer, name) => {
    const stem = snakeCase(stripPackage(layer.class_name))
    const count = used.get(stem) ?? 0
    used.set(stem, count + 1)
    const byClass = count === 0 ? stem : `${stem}_${count}`
    const named = groups.find((group) => file.attribute(`${root}/${group}/vars`, 'name') === name)
    const group = named ?? (groups.includes(byClass) ? byClass : groups.includes(name) ? name : undefined)
    if (group === undefined) return {}
    const out: Record<string, WeightArray> = {}
    for (const key of file.list(`${root}/${group}/vars`)) {
      const array = file.array(`${root}/${group}/vars/${key}`)
      const role = key === '0' ? 'kernel' : key === '1' ? 'bias' : key
      if (array) out[role] = array
    }
    return out
  }
}

/** Legacy files keep `model_weights/<layer>/.../<variable>` with the variables' own names. */
function legacyWeights(file: WeightsFile): WeightsOf {
  return (_, name) => {
    const out: Record<string, WeightArray> = {}
    const visit = (group: string): void => {
      for (const key of file.list(group)) {
        const array = file.array(`${group}/${key}`)
        if (array) out[key.replace(/:0$/, '').replace(/^Variable$/, 'wbar')] = array
        else visit(`${group}/${key}`)
      }
    }
    visit(`model_weights/${name}`)
    return out
  }
}

function stripPackage(className: string): string {
  return className.replace(/^.*>/, '')
}

/** Keras' own rule for container names. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
}

function parseJson(text: string, path: string): KerasModel {
  try {
    return JSON.parse(text) as KerasModel
  } catch (cause) {
    throw notKeras(path, 'has a configuration that is not JSON', cause)
  }
}

function sizeOrThrow(size: number | null, path: string): number {
  if (typeof size === 'number') return size
  throw new LipError(
    'CONFIG_INVALID',
    `'${path}' leaves the size of its input open; Lipschitz coefficients need a fixed one.`,
  )
}

function notKeras(path: string, what: string, cause?: unknown): LipError {
  return new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: 'Expected a model saved by Keras: model.save("model.keras") or model.save("model.h5").',
    ...(cause === undefined ? {} : { cause }),
  })
}
