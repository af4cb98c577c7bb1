import { readFile } from 'node:fs/promises'
import { LipError } from '../../errors.ts'
import type { NetworkDescription, WeightArray } from '../description.ts'
import {
  describeKerasModel,
  type KerasLayer,
  type KerasModel,
  layersIn,
  type ModelWeights,
  nameOf,
} from '../keras/model-config.ts'
import { roleOf } from '../keras/read-keras.ts'
import { type ManifestGroup, readManifest } from './weights-manifest.ts'

/** model.json of TensorFlow.js' layers format. */
export interface ModelJson {
  readonly format?: string
  readonly generatedBy?: string
  readonly modelTopology: KerasModel & { readonly model_config?: KerasModel; readonly keras_version?: string }
  readonly weightsManifest: readonly ManifestGroup[]
  readonly userDefinedMetadata?: { readonly lip_onnx?: { readonly sha256?: string } }
}

/**
 * Reads a model.json: written by this library, by TensorFlow.js, or by Keras' converter.
 *
 * @param evaluate describes the model by loading it into TensorFlow.js; asked for only where the stored effective kernels may
 *   be stale (a model with deel-lip's layers that `model.save` wrote)
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID, CONFIG_INVALID for models and layers of another kind
 */
export async function readTfjsModel(
  path: string,
  evaluate?: (path: string) => Promise<NetworkDescription>,
): Promise<NetworkDescription> {
  const json = await readModelJson(path)
  const { modelTopology: topology } = json
  const model = topology.model_config ?? topology
  const weights = await readManifest(json.weightsManifest, path, json.userDefinedMetadata?.lip_onnx?.sha256)
  if (json.generatedBy?.startsWith('TensorFlow.js') && weights.some(([name]) => roleOf(name) === 'wbar')) {
    if (evaluate) return evaluate(path)
    throw new LipError('CONFIG_INVALID', `The effective kernels in '${path}' may be older than its kernels.`, {
      hint: 'Write the model with writeTfjsModel, or export it with `lip-onnx export`.',
    })
  }
  const version = topology.keras_version ?? json.generatedBy?.replace(/^keras v/, '')
  return describeKerasModel(model, { path, version, weights: weightsByLayer(model, weights, path) })
}

export async function readModelJson(path: string): Promise<ModelJson> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `The model '${path}' cannot be read.`, { cause })
  })
  let json: ModelJson
  try {
    json = JSON.parse(text) as ModelJson
  } catch (cause) {
    throw notTfjs(path, 'is not JSON', cause)
  }
  if (json?.format === 'graph-model') {
    throw new LipError('CONFIG_INVALID', `'${path}' is a graph model of TensorFlow.js, which has no layers to read.`, {
      hint: 'Convert the Keras model again with --output_format=tfjs_layers_model.',
    })
  }
  const model = json?.modelTopology?.model_config ?? json?.modelTopology
  if (typeof model?.class_name !== 'string' || typeof model.config !== 'object' || model.config === null)
    throw notTfjs(path, 'holds no model of layers')
  const { weightsManifest } = json
  const complete =
    Array.isArray(weightsManifest) &&
    weightsManifest.every((group) => Array.isArray(group?.paths) && Array.isArray(group.weights))
  if (!complete) throw notTfjs(path, 'lists no weights')
  return json
}

/**
 * The weights of a model by the names that its layers gave them: '<layer>/<variable>', with scopes between them at times, and
 * behind the names of models where Keras 3 writes them. What has no name of a layer belongs to the one before.
 *
 * @throws LipError DATA_INVALID where two layers of one name cannot be told apart
 */
function weightsByLayer(
  model: KerasModel,
  weights: readonly (readonly [string, WeightArray])[],
  path: string,
): ModelWeights {
  const models = new Set<string>()
  const layers = new Set<string>()
  collectNames(layersIn(model), models, layers)
  let owner: readonly string[] = []
  const owned = weights.map(([name, array]) => {
    const scopes = name.split('/').slice(0, -1)
    const last = scopes.findLastIndex((scope) => layers.has(scope))
    if (last >= 0) owner = scopes.slice(0, last + 1)
    else if (scopes.length > 0) owner = scopes
    return { owner, role: roleOf(name), array }
  })
  const within = (above: readonly string[]): ModelWeights => ({
    of(layer) {
      const out: Record<string, WeightArray> = {}
      const named = owned.filter((weight) => weight.owner.at(-1) === nameOf(layer))
      // The network's own name may stand before all others.
      const inner = (scopes: readonly string[]): string => scopes.filter((scope) => models.has(scope)).join('/')
      const exact = named.filter((weight) => inner(weight.owner) === above.join('/'))
      for (const { role, array } of exact.length > 0 ? exact : named) {
        if (out[role])
          throw notTfjs(path, `has several weights '${nameOf(layer)}/${role}', and they cannot be told apart`)
        out[role] = array
      }
      return out
    },
    inside: (inner) => within([...above, nameOf(inner)]),
  })
  return within([])
}

function collectNames(all: readonly KerasLayer[], models: Set<string>, layers: Set<string>): void {
  for (const layer of all) {
    const inner = layersIn(layer)
    ;(inner.length > 0 ? models : layers).add(nameOf(layer))
    collectNames(inner, models, layers)
  }
}

function notTfjs(path: string, what: string, cause?: unknown): LipError {
  return new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: 'Expected the model.json of a layers model: `lip-onnx train`, model.save of TensorFlow.js, or its converter for Keras.',
    ...(cause === undefined ? {} : { cause }),
  })
}
