import { LipError } from '../errors.ts'
// Loading the index registers every layer under its name.
import '../layers/index.ts'
import { createLayer, isOwnLayer } from '../layers/config/layer-registry.ts'
import { withoutPackage } from '../layers/config/serialized-object.ts'
import { deriveSeed } from '../layers/derive-seed.ts'
import { resolveInitializer, serializeInitializer } from '../layers/initializers/resolve-initializer.ts'
import { Sequential } from '../layers/sequential.ts'
import * as tf from '../layers/tf.ts'
import type { TrainingConfig } from './config.ts'
import { refuseUnknownKeys } from './refuse-unknown-keys.ts'

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
  const made: tf.layers.Layer[] = layers.map((description, i) => {
    const { className } = description
    const layer = createLayer({
      className,
      config: {
        name: nameOf(className),
        seed: config.seed,
        ...(mode === 'strict' ? {} : { compat: mode }),
        ...description.config,
        ...(i === 0 ? { batch_input_shape: [null, ...inputShape] } : {}),
      },
    })
    refuseUnknownKeys(`layer ${i + 1} (${className})`, description.config, { ...layer.getConfig(), ...SILENT })
    if (RANDOM.has(withoutPackage(className))) {
      throw new LipError('CONFIG_INVALID', `Layer ${i + 1} (${className}) draws random numbers that no seed repeats.`, {
        hint: 'Augment the data instead (data.augmentation).',
      })
    }
    seedInitializers(layer, config.seed)
    return layer
  })
  try {
    return new Sequential({ layers: made, name: config.name.replace(/\W/g, '_'), kCoefLip })
  } catch (error) {
    // TensorFlow.js' own words on shapes that do not go together.
    if (error instanceof LipError || !(error instanceof Error)) throw error
    throw new LipError('CONFIG_INVALID', `The layers cannot be put together: ${error.message.split('\n')[0]}`, {
      cause: error,
    })
  }
}

/** TensorFlow.js' own layers draw without a seed, and its 'orthogonal' needs linear algebra that is not loaded here. */
function seedInitializers(layer: tf.layers.Layer, seed: number): void {
  if (isOwnLayer(layer.getClassName())) return
  const fields = layer as unknown as Record<string, unknown>
  for (const [key, initializer] of Object.entries(fields)) {
    if (!(initializer instanceof tf.Initializer)) continue
    fields[key] = resolveInitializer(serializeInitializer(initializer), deriveSeed(seed, layer.name, key))
  }
}

/** Settings that a layer reads and does not write. */
const SILENT = { seed: 0, compat: null, mode: 'strict', stop_grad_spectral: true, name: '' }

/** A resumed run must give the same numbers; TensorFlow.js takes these layers' noise from Math.random. */
const RANDOM = new Set(['Dropout', 'SpatialDropout1D', 'AlphaDropout', 'GaussianDropout', 'GaussianNoise'])
