import { readFile } from 'node:fs/promises'
import { LipError } from '../../errors.ts'
import type { NetworkDescription, WeightArray } from '../description.ts'
import { describeKerasModel, type KerasModel, type ModelWeights, nameOf } from '../keras/model-config.ts'
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
  return describeKerasModel(model, { path, version, weights: weightsByLayer(weights) })
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

/** Names are '<layer>/<variable>', with scopes between them at times; what has no layer's name belongs to the one before. */
function weightsByLayer(weights: readonly (readonly [string, WeightArray])[]): ModelWeights {
  const source: ModelWeights = {
    of(layer) {
      const name = nameOf(layer)
      const out: Record<string, WeightArray> = {}
      let owner = ''
      for (const [weight, array] of weights) {
        if (weight.includes('/')) owner = weight.slice(0, weight.indexOf('/'))
        if (owner === name) out[roleOf(weight)] = array
      }
      return out
    },
    inside: () => source,
  }
  return source
}

function notTfjs(path: string, what: string, cause?: unknown): LipError {
  return new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: 'Expected the model.json of a layers model: `lip-onnx train`, model.save of TensorFlow.js, or its converter for Keras.',
    ...(cause === undefined ? {} : { cause }),
  })
}
