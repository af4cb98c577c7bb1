// Loading the index registers every layer under its name.
import '../../layers/index.ts'
import * as tf from '../../layers/tf.ts'
import { readModelJson } from './read-model.ts'
import { readManifest } from './weights-manifest.ts'

/**
 * A model.json as a model of TensorFlow.js, to go on with; a backend has to run.
 *
 * @throws LipError as readTfjsModel does
 */
export async function loadModel(path: string): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest, userDefinedMetadata } = await readModelJson(path)
  const weights = await readManifest(weightsManifest, path, userDefinedMetadata?.lip_onnx?.sha256)
  const data = new Float32Array(weights.reduce((sum, [, array]) => sum + array.data.length, 0))
  let at = 0
  for (const [, array] of weights) {
    data.set(array.data, at)
    at += array.data.length
  }
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: modelTopology as unknown as object,
      weightSpecs: weights.map(([name, { dims }]) => ({ name, shape: [...dims], dtype: 'float32' as const })),
      weightData: data.buffer,
    }),
  )
}
