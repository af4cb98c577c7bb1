/**
 * Models that Keras saved: `.keras` archives (Keras 3) and legacy `.h5` files, with or without deel-lip's layers.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { strFromU8, strToU8, unzipSync } from 'fflate'
import { LipError } from '../../errors.ts'
import type { NetworkDescription, WeightArray } from '../description.ts'
import { describeKerasModel, type KerasLayer, type KerasModel, stripPackage, type WeightsOf } from './model-config.ts'
import { type WeightsFile, withWeightsFile } from './weights-file.ts'

/**
 * Reads a model with the weights that its inference uses: deel-lip's `wbar` where a layer has one.
 *
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID (not a Keras file), CONFIG_INVALID (a model of a kind that is not exported)
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
  return withWeightsFile(weights, path, (file) =>
    describeKerasModel(model, { path, version, weightsOf: archiveWeights(file) }),
  )
}

async function readLegacy(bytes: Uint8Array, path: string): Promise<NetworkDescription> {
  return withWeightsFile(bytes, path, (file) => {
    const config = file.attribute('', 'model_config')
    if (!config) throw notKeras(path, 'holds weights without a model (no model_config)')
    return describeKerasModel(parseJson(config, path), {
      path,
      version: file.attribute('', 'keras_version'),
      weightsOf: legacyWeights(file),
    })
  })
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
    const collect = (vars: string, names: readonly string[]): void => {
      for (const key of file.list(vars)) {
        const array = file.array(`${vars}/${key}`)
        if (array) out[names[Number(key)] ?? key] = array
      }
    }
    collect(`${root}/${group}/vars`, variablesOf(layer))
    // A layer as activation has its variables in a group of its own.
    const { activation } = layer.config as { activation?: { class_name?: string } | null }
    if (activation?.class_name)
      collect(`${root}/${group}/activation/vars`, variablesOf({ class_name: activation.class_name, config: {} }))
    return out
  }
}

/** Names of a layer's numbered variables. */
function variablesOf({ class_name: className, config }: KerasLayer): readonly string[] {
  const name = stripPackage(className)
  if (name === 'Householder') return ['theta']
  if (name.startsWith('PReLU')) return ['alpha']
  if (name !== 'BatchNormalization') return ['kernel', 'bias']
  return [
    ...(config.scale === false ? [] : ['gamma']),
    ...(config.center === false ? [] : ['beta']),
    'moving_mean',
    'moving_variance',
  ]
}

/** Legacy files keep `model_weights/<layer>/.../<variable>` with the variables' own names. */
function legacyWeights(file: WeightsFile): WeightsOf {
  return (_, name) => {
    const out: Record<string, WeightArray> = {}
    const visit = (group: string): void => {
      for (const key of file.list(group)) {
        const array = file.array(`${group}/${key}`)
        if (array) out[roleOf(key)] = array
        else visit(`${group}/${key}`)
      }
    }
    visit(`model_weights/${name}`)
    return out
  }
}

/** The name of a variable as descriptions have it. deel-lip's wbar has none of its own in Keras 2. */
export function roleOf(variable: string): string {
  const name = variable.replace(/^.*\//, '').replace(/:0$/, '')
  return /^Variable(_\d+)?$/.test(name) ? 'wbar' : name
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

function notKeras(path: string, what: string, cause?: unknown): LipError {
  return new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: 'Expected a model saved by Keras: model.save("model.keras") or model.save("model.h5").',
    ...(cause === undefined ? {} : { cause }),
  })
}
