/**
 * Models that Keras saved: `.keras` archives (Keras 3) and legacy `.h5` files, with or without deel-lip's layers.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { strFromU8, strToU8, unzipSync } from 'fflate'
import { LipError } from '../../errors.ts'
import type { NetworkDescription, WeightArray } from '../description.ts'
import {
  describeKerasModel,
  type KerasLayer,
  type KerasModel,
  layersIn,
  type ModelWeights,
  nameOf,
  stripPackage,
} from './model-config.ts'
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
    describeKerasModel(model, { path, version, weights: archiveWeights(file, model, '') }),
  )
}

async function readLegacy(bytes: Uint8Array, path: string): Promise<NetworkDescription> {
  return withWeightsFile(bytes, path, (file) => {
    const config = file.attribute('', 'model_config')
    if (!config) throw notKeras(path, 'holds weights without a model (no model_config)')
    return describeKerasModel(parseJson(config, path), {
      path,
      version: file.attribute('', 'keras_version'),
      weights: legacyWeights(file, 'model_weights'),
    })
  })
}

/**
 * Keras 3 numbers the variables of a layer in `layers/<group>/vars`: kernel, bias; deel-lip adds wbar, sn, sigma by name. The
 * group is called after the layer, or after its class with a running number; a model inside has `layers` of its own.
 */
function archiveWeights(file: WeightsFile, model: KerasModel | KerasLayer, group: string): ModelWeights {
  const at = (path: string): string => (group === '' ? path : `${group}/${path}`)
  const root = at(
    file.list(group).includes('_layer_checkpoint_dependencies') ? '_layer_checkpoint_dependencies' : 'layers',
  )
  const groups = groupsOf(file, root, layersIn(model))
  return {
    of(layer) {
      const own = groups.get(layer)
      if (own === undefined) return {}
      const out: Record<string, WeightArray> = {}
      const collect = (vars: string, names: readonly string[]): void => {
        for (const key of file.list(vars)) {
          const array = file.array(`${vars}/${key}`)
          if (array) out[names[Number(key)] ?? key] = array
        }
      }
      collect(`${root}/${own}/vars`, variablesOf(layer))
      // A layer as activation has its variables in a group of its own.
      const { activation } = layer.config as { activation?: { class_name?: string } | null }
      if (activation?.class_name)
        collect(`${root}/${own}/activation/vars`, variablesOf({ class_name: activation.class_name, config: {} }))
      return out
    },
    inside: (inner) => archiveWeights(file, inner, `${root}/${groups.get(inner) ?? ''}`),
  }
}

/** Which group of a model each of its layers has. */
function groupsOf(file: WeightsFile, root: string, layers: readonly KerasLayer[]): Map<KerasLayer, string> {
  const groups = file.list(root)
  const byName = new Map(groups.map((group) => [file.attribute(`${root}/${group}/vars`, 'name'), group]))
  const used = new Map<string, number>()
  const found = new Map<KerasLayer, string>()
  for (const layer of layers) {
    const name = nameOf(layer)
    const stem = snakeCase(stripPackage(layer.class_name))
    const count = used.get(stem) ?? 0
    used.set(stem, count + 1)
    const byClass = count === 0 ? stem : `${stem}_${count}`
    const group = byName.get(name) ?? [byClass, name].find((other) => groups.includes(other))
    if (group !== undefined) found.set(layer, group)
  }
  return found
}

/** Names of a layer's numbered variables. */
function variablesOf({ class_name: className, config }: KerasLayer): readonly string[] {
  const name = stripPackage(className)
  if (name === 'Householder') return ['theta']
  if (name.startsWith('PReLU')) return ['alpha']
  if (name === 'Normalization') return ['mean', 'variance', 'count']
  const scaled = [...(config.scale === false ? [] : ['gamma']), ...(config.center === false ? [] : ['beta'])]
  if (name === 'LayerNormalization') return scaled
  if (name === 'BatchNormalization') return [...scaled, 'moving_mean', 'moving_variance']
  const bias = config.use_bias === false ? [] : ['bias']
  if (name === 'SeparableConv2D') return ['depthwise_kernel', 'pointwise_kernel', ...bias]
  // deel-lip leaves the variables of its transposed convolution to Keras, which numbers them all.
  return name.startsWith('Spectral') ? ['kernel', ...bias, 'sn', 'sigma', 'wbar'] : ['kernel', ...bias]
}

/** Legacy files keep `model_weights/<layer>/.../<variable>` with the variables' own names; a model inside, its layers' groups. */
function legacyWeights(file: WeightsFile, root: string): ModelWeights {
  const groupOf = (name: string): string | undefined =>
    file.list(root).includes(name) ? `${root}/${name}` : find(file, root, name)
  return {
    of(layer) {
      const out: Record<string, WeightArray> = {}
      const visit = (group: string): void => {
        for (const key of file.list(group)) {
          const array = file.array(`${group}/${key}`)
          if (array) out[roleOf(key)] = array
          else visit(`${group}/${key}`)
        }
      }
      const group = groupOf(nameOf(layer))
      if (group !== undefined) visit(group)
      return out
    },
    // The groups of some models are their layers' own.
    inside: (model) => legacyWeights(file, groupOf(nameOf(model)) ?? root),
  }
}

/** The first group of this name below another. */
function find(file: WeightsFile, root: string, name: string): string | undefined {
  for (const key of file.list(root)) {
    const path = `${root}/${key}`
    const found = key === name && file.array(path) === undefined ? path : find(file, path, name)
    if (found !== undefined) return found
  }
  return undefined
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
  let model: KerasModel | null
  try {
    model = JSON.parse(text) as KerasModel | null
  } catch (cause) {
    throw notKeras(path, 'has a configuration that is not JSON', cause)
  }
  if (typeof model !== 'object' || model === null) throw notKeras(path, 'has a configuration that describes no model')
  return model
}

function notKeras(path: string, what: string, cause?: unknown): LipError {
  return new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: 'Expected a model saved by Keras: model.save("model.keras") or model.save("model.h5").',
    ...(cause === undefined ? {} : { cause }),
  })
}
