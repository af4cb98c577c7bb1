// Loading the index registers every layer under its name.
import '../layers/index.ts'
import { createLayer } from '../layers/config/layer-registry.ts'
import { Sequential } from '../layers/sequential.ts'
import type * as tf from '../layers/tf.ts'
import type { TrainingConfig } from './config.ts'

/** The network of a configuration, built and initialised: a function of the configuration and its seed alone. */
export function buildNetwork(config: TrainingConfig): Sequential {
  const { layers, mode, kCoefLip, inputShape } = config.network
  const used = new Map<string, number>()
  const nameOf = (className: string): string => {
    const stem = className
      .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
      .replace(/([a-z])([A-Z])/g, '$1_$2')
      .toLowerCase()
    const count = used.get(stem) ?? 0
    used.set(stem, count + 1)
    return count === 0 ? stem : `${stem}_${count}`
  }
  const made: tf.layers.Layer[] = layers.map((layer, i) =>
    createLayer({
      className: layer.className,
      config: {
        name: nameOf(layer.className),
        seed: config.seed,
        ...(mode === 'strict' ? {} : { compat: mode }),
        ...layer.config,
        ...(i === 0 ? { batch_input_shape: [null, ...inputShape] } : {}),
      },
    }),
  )
  const network = new Sequential({ layers: made, name: config.name.replace(/\W/g, '_'), kCoefLip })
  return network
}
