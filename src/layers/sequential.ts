import { LipError } from '../errors.ts'
import { createLayer, registerLayer } from './config/layer-registry.ts'
import { asSerializedObject } from './config/serialized-object.ts'
import { toPythonJson } from './config/to-python-json.ts'
import { type Condensable, isCondensable, isLipschitz, type Lipschitz, readLayerConfig } from './lipschitz-layer.ts'
import { isSupportedOneLipschitzLayer } from './one-lipschitz-layers.ts'
import * as tf from './tf.ts'
import { vanillaModel } from './vanilla-model.ts'

export interface SequentialOptions {
  layers?: tf.layers.Layer[]
  name?: string
  /** Lipschitz constant of the whole; every Lipschitz layer is set to its n-th root, whatever it was built with. */
  kCoefLip?: number
  /** Where warnings go. Default: process warnings. */
  onWarning?: (message: string) => void
}

/**
 * deel-lip's Sequential. With n Lipschitz layers (poolings and sorting layers count, activations given as `activation=` do
 * not), each gets k^(1/n); a layer that is neither Lipschitz nor known to be 1-Lipschitz is named in a warning.
 */
export class Sequential extends tf.Sequential implements Lipschitz, Condensable {
  static override className = 'deel-lip>Sequential'
  kCoefLip: number
  coefLip: number | null = 1
  private readonly onWarning: (message: string) => void

  constructor(options: SequentialOptions = {}) {
    super(options.name === undefined ? {} : { name: options.name })
    this.kCoefLip = options.kCoefLip ?? 1
    this.onWarning = options.onWarning ?? ((message) => process.emitWarning(message, 'UserWarning'))
    const layers = options.layers ?? []
    this.spread(layers, this.kCoefLip)
    for (const layer of layers) this.add(layer)
  }

  setKlipFactor(k: number): void {
    this.kCoefLip = k
    this.spread(this.layers, k)
  }

  private spread(layers: readonly tf.layers.Layer[], k: number): void {
    const lipschitz = layers.filter(isLipschitz) as unknown as Lipschitz[]
    for (const layer of lipschitz) layer.setKlipFactor(k ** (1 / lipschitz.length))
    for (const layer of layers) {
      if (isLipschitz(layer) || isSupportedOneLipschitzLayer(layer)) continue
      this.onWarning(`Sequential model contains a layer which is not a 1-Lipschitz layer: ${layer.name}`)
    }
  }

  /** Product of the layers' coefficients. @throws LipError when a layer has none */
  getCoef(): number {
    return this.layers.reduce((product, layer) => {
      if (isLipschitz(layer)) return product * (layer as unknown as Lipschitz).getCoef()
      if (isSupportedOneLipschitzLayer(layer)) return product
      throw new LipError('USAGE', `Layer "${layer.name}" has no Lipschitz coefficient.`)
    }, 1)
  }

  condense(): void {
    for (const layer of this.layers) if (isCondensable(layer)) layer.condense()
  }

  /** The same function with plain layers. */
  vanillaExport(): tf.Sequential {
    return vanillaModel(this) as tf.Sequential
  }

  /** The model's configuration in Keras' spelling, for model.json. */
  override toJSON(_unused?: unknown, returnString = true): ReturnType<tf.LayersModel['toJSON']> {
    const config = toPythonJson((this as unknown as { updatedConfig(): object }).updatedConfig())
    return returnString ? JSON.stringify(config) : (config as never)
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...(super.getConfig() as tf.serialization.ConfigDict), k_coef_lip: this.kCoefLip }
  }

  /** @nocollapse */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    const { layers, name, kCoefLip } = readLayerConfig(config) as {
      layers: unknown[]
      name?: string
      kCoefLip?: number
    }
    return new cls({ name, kCoefLip, layers: withoutInputLayer(layers) })
  }
}

/** Keras lists an InputLayer first: its shape goes to the first real layer. */
function withoutInputLayer(serialized: readonly unknown[]): tf.layers.Layer[] {
  const objects = serialized.map((layer) => {
    const object = asSerializedObject(layer)
    if (object === undefined)
      throw new LipError('CONFIG_INVALID', `Not a layer configuration: ${JSON.stringify(layer)}.`)
    return object
  })
  const [first, second, ...rest] = objects
  if (first?.className !== 'InputLayer' || second === undefined) return objects.map(createLayer)
  const input = readInputShape(first.config)
  return [createLayer({ ...second, config: { ...second.config, batch_input_shape: input } }), ...rest.map(createLayer)]
}

function readInputShape(config: Readonly<Record<string, unknown>>): unknown {
  return config.batch_input_shape ?? config.batchInputShape ?? config.batch_shape ?? config.batchShape
}

registerLayer(Sequential as never)
