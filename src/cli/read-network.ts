import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { LipError } from '../errors.ts'
import type { NetworkDescription } from '../export/description.ts'

/**
 * Reads whatever a trained network may be kept in: a run folder of `train` or `demo`, a Keras file (.keras, .h5, .hdf5),
 * model.json of TensorFlow.js or the folder that holds it.
 *
 * @throws LipError FILE_NOT_FOUND, USAGE for a file of another kind, and what the readers throw
 */
export async function readNetwork(path: string): Promise<NetworkDescription> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `There is no model at '${path}'.`, { cause })
  })
  if (found.isDirectory()) {
    const model = join(path, 'model.json')
    if (!(await isThere(join(path, 'config.json'))) && (await isThere(model))) return readNetwork(model)
    const { readRunNetwork } = await import('../training/read-run-network.ts')
    return readRunNetwork(path)
  }
  const ending = extname(path).toLowerCase()
  if (['.keras', '.h5', '.hdf5'].includes(ending)) {
    const { readKerasModel } = await import('../export/keras/read-keras.ts')
    return readKerasModel(path)
  }
  if (ending === '.json') {
    const { readTfjsModel } = await import('../export/tfjs/read-model.ts')
    return readTfjsModel(path, evaluateModel)
  }
  throw new LipError('USAGE', `'${path}' is no model that can be exported.`, {
    hint: 'Give a run folder, a .keras or .h5 file, or the model.json of TensorFlow.js.',
  })
}

/** A model whose effective kernels only TensorFlow.js can compute. */
async function evaluateModel(path: string): Promise<NetworkDescription> {
  const { startBackend } = await import('../training/backend.ts')
  const { describeModel } = await import('../export/describe.ts')
  const { loadModel } = await import('../export/tfjs/load-model.ts')
  await startBackend('cpu')
  return describeModel(await loadModel(path))
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
