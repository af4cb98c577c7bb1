import { createHash } from 'node:crypto'
import { basename, dirname, join } from 'node:path'
import { toSnakeCase } from '../../layers/config/python-keys.ts'
import { ReparametrisedLayer } from '../../layers/reparametrised-layer.ts'
import type * as tf from '../../layers/tf.ts'
import { packageVersion } from '../../version.ts'
import { writeAtomically } from '../../write-atomically.ts'
import type { ModelJson } from './read-model.ts'

/**
 * Writes a model as TensorFlow.js' model.json with deel-lip's class names and configuration keys, its weights beside it in
 * `<name>.weights.bin`. The stored effective kernels are current: a reader need not compute them.
 *
 * @throws LipError FILE_NOT_WRITABLE
 */
export async function writeTfjsModel(model: tf.LayersModel, path: string): Promise<void> {
  for (const layer of model.layers) if (layer instanceof ReparametrisedLayer) layer.refresh()
  const weights = model.layers.flatMap((layer) => layer.weights)
  const arrays = weights.map((weight) => Float32Array.from(weight.read().dataSync()))
  const bytes = new Uint8Array(arrays.reduce((sum, array) => sum + array.byteLength, 0))
  let at = 0
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer), at)
    at += array.byteLength
  }
  const bin = `${basename(path).replace(/\.json$/, '')}.weights.bin`
  const json: ModelJson = {
    format: 'layers-model',
    generatedBy: `lip-onnx ${packageVersion()}`,
    modelTopology: {
      ...topologyOf(model),
      keras_version: 'tfjs-layers 4',
    } as ModelJson['modelTopology'],
    weightsManifest: [
      {
        paths: [bin],
        weights: weights.map((weight) => ({
          name: weight.originalName,
          shape: weight.shape.map(Number),
          dtype: 'float32',
        })),
      },
    ],
    // Two files cannot be replaced at once: a reader sees when they do not belong together.
    userDefinedMetadata: { lip_onnx: { sha256: createHash('sha256').update(bytes).digest('hex') } },
  }
  const what = `The model '${path}'`
  await writeAtomically(join(dirname(path), bin), bytes, { what })
  await writeAtomically(path, `${JSON.stringify(json, null, 1)}\n`, { what })
}

function topologyOf(model: tf.LayersModel): { class_name: string; config: unknown } {
  const config = model.getConfig()
  return { class_name: model.getClassName(), config: toPython(config) }
}

/** Values whose spelling TensorFlow.js changes together with the keys. */
const SPELLED = new Set(['data_format', 'activation', 'recurrent_activation', 'interpolation'])

/** snake_case keys at every depth, and the values that are spelled so too. Names of layers stay what they are. */
function toPython(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return SPELLED.has(key) ? toSnakeCase(value) : value
  if (Array.isArray(value)) return value.map((item) => toPython(item, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [toSnakeCase(name), toPython(item, toSnakeCase(name))]),
  )
}
