import { basename } from 'node:path'
import { describeNetwork } from '../export/describe.ts'
import { type ExportResult, exportModel } from '../export/export-model.ts'
import { writeTfjsModel } from '../export/tfjs/write-model.ts'
import type { DataConfig } from './config.ts'
import type { RunFolder } from './run-folder.ts'
import type { TrainedNetwork } from './train.ts'

/** Writes a trained run's model.onnx (with a summary of the training in its metadata) and model.json into its folder. */
export async function exportRun(
  run: RunFolder,
  trained: TrainedNetwork,
): Promise<ExportResult & { readonly path: string }> {
  const { config } = run
  const network = describeNetwork(config.name, trained.network.layers, config.network.inputShape)
  const path = run.file('model.onnx')
  const { chosen } = trained
  const result = await exportModel(network, path, {
    mode: config.network.mode === 'strict' ? 'strict' : 'deel-lip',
    kCoefLip: config.network.kCoefLip,
    metadata: {
      'lip_onnx.training': JSON.stringify({
        data: withoutFolders(config.data),
        loss: config.loss,
        optimizer: config.optimizer,
        batchSize: config.batchSize,
        seed: config.seed,
        engine: trained.engine,
        ...(chosen && { epochs: chosen.epoch, valAccuracy: chosen.val_accuracy, valKR: chosen.val_MulticlassKR }),
      }),
    },
  })
  await writeTfjsModel(trained.network, run.file('model.json'))
  return { ...result, path }
}

/** Where the data lay is nobody's business but the run's. */
function withoutFolders(data: DataConfig): DataConfig {
  const { path, testPath } = data
  return {
    ...data,
    ...(path !== undefined && { path: basename(path) }),
    ...(testPath !== undefined && { testPath: basename(testPath) }),
  }
}
