import { LipError } from '../errors.ts'
import { withCamelKeys, withSnakeKeys } from '../layers/config/python-keys.ts'
import * as tf from '../layers/tf.ts'

/** Keras' names; 'auto' is the batch mean. */
export type Reduction = 'auto' | 'sum_over_batch_size' | 'sum' | 'none'

export interface LossOptions {
  name?: string
  reduction?: Reduction
}

export type LossConfig = Readonly<Record<string, unknown>>

const REDUCTIONS = new Set<unknown>(['auto', 'sum_over_batch_size', 'sum', 'none'])

/**
 * A loss of deel-lip: `call` gives one number per sample, `apply` reduces them (batch mean by default).
 *
 * Labels are [batch] or [batch, classes], any of {0, 1} and {-1, 1}, any dtype; predictions are logits of the same shape.
 * Numeric parameters are mutable, so that `LossParamScheduler` can move them.
 */
export abstract class Loss {
  readonly name: string
  readonly reduction: Reduction

  constructor(defaultName: string, { name, reduction = 'auto' }: LossOptions) {
    this.name = name ?? defaultName
    this.reduction = reduction
    if (!REDUCTIONS.has(reduction)) {
      throw new LipError('CONFIG_INVALID', `Unknown reduction "${reduction}" of loss "${this.name}".`, {
        hint: "Known: 'auto', 'sum_over_batch_size', 'sum', 'none'.",
      })
    }
  }

  abstract getClassName(): string
  /** Loss of each sample, [batch]. */
  protected abstract perSample(yTrue: tf.Tensor2D, yPred: tf.Tensor2D): tf.Tensor1D
  /** Constructor arguments beyond name and reduction, camelCase. */
  protected abstract parameters(): Record<string, unknown>

  call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D {
    return tf.tidy(() => {
      const logits = asMatrix(tf.cast(yPred, 'float32'))
      return this.perSample(this.prepareLabels(yTrue, logits), logits)
    })
  }

  /** Labels as a float matrix of the shape of the logits. */
  protected prepareLabels(yTrue: tf.Tensor, logits: tf.Tensor2D): tf.Tensor2D {
    const labels = asMatrix(tf.cast(yTrue, 'float32'))
    if (labels.shape[0] !== logits.shape[0] || labels.shape[1] !== logits.shape[1]) {
      throw new LipError(
        'DATA_INVALID',
        `Loss "${this.name}": labels of shape [${yTrue.shape}] do not fit predictions of shape [${logits.shape}].`,
      )
    }
    return labels
  }

  apply(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor {
    return tf.tidy(() => {
      const losses = this.call(yTrue, yPred)
      if (this.reduction === 'none') return losses
      return this.reduction === 'sum' ? tf.sum(losses) : tf.mean(losses)
    })
  }

  /** The same number for validation: losses with running statistics do not move them here. */
  evaluate(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor {
    return this.apply(yTrue, yPred)
  }

  getConfig(): Record<string, unknown> {
    return { name: this.name, reduction: this.reduction, ...withSnakeKeys(this.parameters()) }
  }
}

/** [batch] becomes [batch, 1]. */
export function asMatrix(x: tf.Tensor): tf.Tensor2D {
  return x.rank === 2 ? (x as tf.Tensor2D) : (tf.reshape(x, [x.shape[0] ?? 1, -1]) as tf.Tensor2D)
}

/** Options from a stored configuration, in either spelling; Infinity survives JSON as a string. */
export function readLossConfig(config: LossConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(withCamelKeys(config)).map(([key, value]) => [
      key,
      value === 'Infinity' || value === 'inf' ? Infinity : value,
    ]),
  )
}

/** A positive number, or infinity where `orInfinity`. @throws LipError */
export function checkNumber(
  value: number,
  what: string,
  loss: string,
  range: 'positive' | 'nonnegative' = 'positive',
): number {
  if (typeof value === 'number' && (range === 'positive' ? value > 0 : value >= 0)) return value
  throw new LipError('CONFIG_INVALID', `${what} of loss "${loss}" must be ${range}, got ${JSON.stringify(value)}.`)
}
