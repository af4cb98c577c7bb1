import * as tf from '../layers/tf.ts'
import type { Loss } from '../losses/loss.ts'
import { readLossParameter } from './loss-param-scheduler.ts'

export interface LossParamLogOptions {
  loss: Loss
  paramName: string
  /** Every how many epochs. */
  rate?: number
  /** Default: standard error. */
  log?: (line: string) => void
}

/** Prints a parameter of the loss at the end of epochs. */
export class LossParamLog extends tf.Callback {
  private readonly options: LossParamLogOptions

  constructor(options: LossParamLogOptions) {
    super()
    this.options = options
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    const { loss, paramName, rate = 1, log = (line) => process.stderr.write(`${line}\n`) } = this.options
    if (epoch % rate === 0) log(`${paramName} = ${readLossParameter(loss, paramName)}`)
  }
}
