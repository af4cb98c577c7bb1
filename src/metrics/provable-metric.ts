import { LipError } from '../errors.ts'
import { withSnakeKeys } from '../layers/config/python-keys.ts'
import * as tf from '../layers/tf.ts'
import { readLossConfig } from '../losses/loss.ts'

/** A number per sample whose batch mean is a statement about certified robustness. */
export abstract class ProvableMetric {
  abstract readonly name: string
  abstract call(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Tensor1D
  protected abstract parameters(): Record<string, unknown>

  apply(yTrue: tf.Tensor, yPred: tf.Tensor): tf.Scalar {
    return tf.tidy(() => tf.mean(this.call(yTrue, yPred)) as tf.Scalar)
  }

  getClassName(): string {
    return (this.constructor as unknown as { className: string }).className
  }

  getConfig(): Record<string, unknown> {
    return { name: this.name, ...withSnakeKeys(this.parameters()) }
  }
}

const METRICS = new Map<string, (options: Record<string, unknown>) => ProvableMetric>()

export function registerMetric(cls: { readonly className: string; new (options: never): ProvableMetric }): void {
  const create = cls as unknown as new (options: Record<string, unknown>) => ProvableMetric
  METRICS.set(cls.className, (options) => new create(options))
}

/** A metric by deel-lip's class name and configuration. @throws LipError when the name is unknown */
export function createMetric({
  className,
  config = {},
}: {
  className: string
  config?: Readonly<Record<string, unknown>>
}): ProvableMetric {
  const create = METRICS.get(className)
  if (create === undefined) {
    throw new LipError('CONFIG_INVALID', `Unknown metric "${className}".`, {
      hint: `Known: ${[...METRICS.keys()].join(', ')}.`,
    })
  }
  return create(readLossConfig(config))
}
