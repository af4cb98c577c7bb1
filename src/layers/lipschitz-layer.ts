import { LipError } from '../errors.ts'
import { toCamelCase, withSnakeKeys } from './config/python-keys.ts'
import type { Compat } from './normalizers/defaults.ts'
import * as tf from './tf.ts'

/** What every Lipschitz layer and container answers. */
export interface Lipschitz {
  /** Requested Lipschitz constant. */
  readonly kCoefLip: number
  /** Correction factor of this geometry (not a Lipschitz constant); null before `build`. */
  readonly coefLip: number | null
  setKlipFactor(k: number): void
  /** coefLip times kCoefLip. */
  getCoef(): number
}

/** Layers whose reparametrisation can be folded into plain weights. */
export interface Condensable {
  /** Writes the effective kernel into the kernel. */
  condense(): void
  /** The same function as plain TensorFlow.js layers. */
  vanillaExport(): tf.layers.Layer
}

export function isLipschitz(value: unknown): value is Lipschitz {
  return typeof value === 'object' && value !== null && 'setKlipFactor' in value
}

export function isCondensable(value: unknown): value is Condensable {
  return typeof value === 'object' && value !== null && 'condense' in value
}

export interface LipschitzOptions {
  name?: string
  trainable?: boolean
  dtype?: tf.DataType
  inputShape?: tf.Shape
  batchInputShape?: tf.Shape
  batchSize?: number
  kCoefLip?: number
  /** 'strict' is the default and the same as compat null: coefficients that are bounds. */
  mode?: 'strict'
  compat?: Compat
}

/** tfjs hands `call` one tensor or a list of one. */
export function single<T extends tf.Tensor = tf.Tensor>(inputs: tf.Tensor | tf.Tensor[]): T {
  return (Array.isArray(inputs) ? inputs[0] : inputs) as T
}

export function singleShape(shape: tf.Shape | tf.Shape[]): tf.Shape {
  return (Array.isArray(shape[0]) ? shape[0] : shape) as tf.Shape
}

/** kwargs.training; absent means inference, because `predict` and `evaluate` of TensorFlow.js do not always pass it. */
export function isTraining(kwargs: unknown): boolean {
  return (kwargs as { training?: boolean } | undefined)?.training === true
}

/**
 * Base of all Lipschitz layers. `getConfig` writes deel-lip's snake_case keys; `fromConfig` reads both spellings, so that
 * configurations from Python, from TensorFlow.js' model.json and from code all work.
 */
export abstract class LipschitzLayer extends tf.layers.Layer implements Lipschitz {
  kCoefLip: number
  coefLip: number | null = null
  readonly compat: Compat

  constructor(options: LipschitzOptions = {}) {
    super(options as ConstructorParameters<typeof tf.layers.Layer>[0])
    this.kCoefLip = options.kCoefLip ?? 1
    this.compat = options.compat ?? null
    if (!(this.kCoefLip > 0 && Number.isFinite(this.kCoefLip))) {
      throw new LipError(
        'CONFIG_INVALID',
        `k_coef_lip of layer "${this.name}" must be a positive number, got ${this.kCoefLip}.`,
      )
    }
  }

  setKlipFactor(k: number): void {
    this.kCoefLip = k
  }

  getCoef(): number {
    if (this.coefLip === null) throw new LipError('USAGE', 'compute_coef must be called before calling get_coef')
    return this.coefLip * this.kCoefLip
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    this.coefLip = this.computeLipCoef(singleShape(inputShape))
    super.build(inputShape)
  }

  override getConfig(): tf.serialization.ConfigDict {
    const config: Record<string, unknown> = { ...super.getConfig(), kCoefLip: this.kCoefLip }
    if (this.compat !== null) config.compat = this.compat
    return withSnakeKeys(config) as tf.serialization.ConfigDict
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(readLayerConfig(config))
  }

  protected abstract computeLipCoef(inputShape: tf.Shape): number
}

/** Constructor options from a layer configuration of Keras 2, Keras 3 or TensorFlow.js. */
export function readLayerConfig(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config)) options[toCamelCase(key)] = value
  // Keras 3 writes a policy object; every weight here is float32.
  if (typeof options.dtype === 'object') delete options.dtype
  for (const key of ['customObjects', 'groups', 'batchShape', 'loraRank', 'quantizationConfig']) delete options[key]
  if (typeof options.dataFormat === 'string') options.dataFormat = toDataFormat(options.dataFormat)
  if (typeof options.compat === 'string') options.compat = options.compat.toLowerCase().replaceAll('_', '-')
  return options
}

/** 'channelsLast' is how model.json reads back. */
export function toDataFormat(value: string): string {
  return value === 'channelsLast' ? 'channels_last' : value === 'channelsFirst' ? 'channels_first' : value
}
