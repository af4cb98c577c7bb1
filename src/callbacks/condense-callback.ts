import { isCondensable } from '../layers/lipschitz-layer.ts'
import * as tf from '../layers/tf.ts'

export interface CondenseOptions {
  onEpoch?: boolean
  onBatch?: boolean
}

/**
 * Writes effective kernels into kernels at the end of each epoch (default) or batch. It disturbs optimizers with momentum,
 * whose averages belong to the kernels before.
 */
export class CondenseCallback extends tf.Callback {
  readonly onEpoch: boolean
  readonly onBatch: boolean

  constructor({ onEpoch = true, onBatch = false }: CondenseOptions = {}) {
    super()
    this.onEpoch = onEpoch
    this.onBatch = onBatch
  }

  override async onEpochEnd(): Promise<void> {
    if (this.onEpoch) this.condense()
  }

  override async onBatchEnd(): Promise<void> {
    if (this.onBatch) this.condense()
  }

  private condense(): void {
    for (const layer of this.model?.layers ?? []) if (isCondensable(layer)) layer.condense()
  }
}
