import { registerLayer } from './config/layer-registry.ts'
import { toPythonJson } from './config/to-python-json.ts'
import { type Condensable, isCondensable } from './lipschitz-layer.ts'
import * as tf from './tf.ts'
import { vanillaModel } from './vanilla-model.ts'

export interface ModelOptions {
  inputs: tf.SymbolicTensor | tf.SymbolicTensor[]
  outputs: tf.SymbolicTensor | tf.SymbolicTensor[]
  name?: string
}

/**
 * deel-lip's functional Model. There is no k_coef_lip: with branches, the constant of the whole is not a product over layers.
 */
export class Model extends tf.LayersModel implements Condensable {
  static override className = 'deel-lip>Model'

  constructor(options: ModelOptions) {
    super(options as ConstructorParameters<typeof tf.LayersModel>[0])
  }

  condense(): void {
    for (const layer of this.layers) if (isCondensable(layer)) layer.condense()
  }

  /** The model's configuration in Keras' spelling, for model.json. */
  override toJSON(_unused?: unknown, returnString = true): ReturnType<tf.LayersModel['toJSON']> {
    const config = toPythonJson((this as unknown as { updatedConfig(): object }).updatedConfig())
    return returnString ? JSON.stringify(config) : (config as never)
  }

  /** The same function with plain layers. */
  vanillaExport(): tf.LayersModel {
    return vanillaModel(this)
  }
}

registerLayer(Model as never)
