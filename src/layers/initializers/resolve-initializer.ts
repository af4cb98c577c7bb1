import { LipError } from '../../errors.ts'
import { withCamelKeys, withSnakeKeys } from '../config/python-keys.ts'
import { asSerializedObject, canonicalName, type PythonObject } from '../config/serialized-object.ts'
import * as tf from '../tf.ts'
import { Orthogonal } from './orthogonal.ts'
import { SpectralInitializer } from './spectral-initializer.ts'

/** A name ('orthogonal', 'glorot_uniform'), an object, or its {class_name, config}. */
export type InitializerIdentifier = string | tf.Initializer | object

type Factory = (options: Record<string, unknown>) => tf.Initializer

const OWN: Readonly<Record<string, Factory>> = {
  orthogonal: (options) => new Orthogonal(options),
  spectralinitializer: (options) => new SpectralInitializer(options),
}

/**
 * @param seed used where the identifier does not bring its own; there is no unseeded draw
 * @throws LipError when the name is unknown
 */
export function resolveInitializer(identifier: InitializerIdentifier, seed: number): tf.Initializer {
  if (identifier instanceof tf.Initializer) return identifier
  const object = typeof identifier === 'string' ? { className: identifier, config: {} } : asSerializedObject(identifier)
  if (object === undefined) throw unknown(identifier)
  const config = withCamelKeys(object.config)
  delete config.customObjects
  if (config.seed === undefined || config.seed === null) config.seed = seed
  const name = canonicalName(object.className)
  const own = OWN[name]
  if (own !== undefined) return own(config)
  const factories = tf.initializers as unknown as Record<string, Factory | undefined>
  const factory = factories[Object.keys(factories).find((key) => canonicalName(key) === name) ?? '']
  if (typeof factory !== 'function') throw unknown(object.className)
  return factory(config)
}

export function serializeInitializer(initializer: tf.Initializer): PythonObject {
  return {
    class_name: initializer.getClassName(),
    config: withSnakeKeys(initializer.getConfig() as Record<string, unknown>),
  }
}

function unknown(identifier: unknown): LipError {
  return new LipError('CONFIG_INVALID', `Unknown initializer ${JSON.stringify(identifier)}.`, {
    hint: "Known: 'orthogonal', 'SpectralInitializer' and Keras' own, such as 'glorot_uniform', 'zeros', 'random_normal'.",
  })
}
