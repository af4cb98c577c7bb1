import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { LipError } from '../errors.ts'
import type { NetworkDescription } from '../export/description.ts'

/**
 * Reads whatever a trained network may be kept in: a run folder of `train` or `demo`, a Keras file (.keras, .h5, .hdf5).
 *
 * @throws LipError FILE_NOT_FOUND, USAGE for a file of another kind, and what the readers throw
 */
export async function readNetwork(path: string): Promise<NetworkDescription> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `There is no model at '${path}'.`, { cause })
  })
  if (found.isDirectory()) {
    const { readRunNetwork } = await import('../training/read-run-network.ts')
    return readRunNetwork(path)
  }
  const ending = extname(path).toLowerCase()
  if (['.keras', '.h5', '.hdf5'].includes(ending)) {
    const { readKerasModel } = await import('../export/keras/read-keras.ts')
    return readKerasModel(path)
  }
  throw new LipError('USAGE', `'${path}' is no model that can be exported.`, {
    hint: 'Give a run folder, a .keras or a .h5 file.',
  })
}
