import { LipError } from '../errors.ts'
import { describeNetwork } from '../export/describe.ts'
import type { NetworkDescription } from '../export/description.ts'
import { startBackend } from './backend.ts'
import { buildNetwork } from './build-network.ts'
import { openRunFolder } from './run-folder.ts'
import { weightStore } from './variables.ts'

/**
 * The network of a run folder with the weights of its latest checkpoint, or of the best one where the run keeps it.
 *
 * @throws LipError FILE_NOT_FOUND when the folder holds no run or no checkpoint yet
 */
export async function readRunNetwork(path: string): Promise<NetworkDescription> {
  const run = await openRunFolder(path, undefined, { resume: true })
  const checkpoint = (run.config.keepBest ? await run.best() : undefined) ?? (await run.latest())
  if (!checkpoint) {
    throw new LipError('FILE_NOT_FOUND', `The run in '${path}' has no checkpoint yet.`, {
      hint: 'Let it finish an epoch first.',
    })
  }
  await startBackend('cpu')
  const network = buildNetwork(run.config)
  weightStore(network.layers).writeAll(checkpoint.weights)
  return describeNetwork(run.config.name, network.layers, run.config.network.inputShape)
}
