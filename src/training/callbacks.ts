import { CondenseCallback, LossParamLog, LossParamScheduler, MonitorCallback } from '../callbacks/index.ts'
import { withCamelKeys } from '../layers/config/python-keys.ts'
import type { Sequential } from '../layers/sequential.ts'
import type * as tf from '../layers/tf.ts'
import type { Loss } from '../losses/index.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { CallbackConfig } from './config.ts'
import type { LoopCallback } from './loop.ts'

export interface CallbackContext {
  readonly network: Sequential
  readonly loss: Loss
  /** Folder of the i-th callback (0, 1, ...), for what it logs. */
  readonly folder: (i: number) => string
  readonly resume: Checkpoint | undefined
  readonly note: (line: string) => void
}

/** deel-lip's callbacks as a configuration names them, put where the run was when it is resumed. */
export function createCallbacks(
  configs: readonly CallbackConfig[],
  { network, loss, folder, resume, note }: CallbackContext,
): readonly LoopCallback[] {
  const batches = resume?.optimizer.step ?? 0
  const epochs = resume?.progress.epoch ?? 0
  return configs.map(({ className, config = {} }, i) => {
    const given = withCamelKeys(config)
    const options = { ...given, loss } as never
    const make: Readonly<Record<CallbackConfig['className'], () => tf.Callback>> = {
      CondenseCallback: () => new CondenseCallback(options),
      LossParamLog: () => new LossParamLog({ ...(options as object), log: note } as never),
      LossParamScheduler: () => new LossParamScheduler({ ...(options as object), step: batches } as never),
      MonitorCallback: () =>
        new MonitorCallback({
          ...(given as object),
          logdir: folder(i),
          continueAt: given.onBatch === true ? batches : epochs,
        } as never),
    }
    const callback = make[className]()
    callback.setModel(network)
    return {
      onTrainBegin: () => callback.onTrainBegin(),
      onBatchBegin: (batch) => callback.onBatchBegin(batch),
      onBatchEnd: (batch) => callback.onBatchEnd(batch),
      onEpochEnd: (epoch) => callback.onEpochEnd(epoch),
    }
  })
}
