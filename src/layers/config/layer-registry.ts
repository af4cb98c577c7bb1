import { LipError } from '../../errors.ts'
import { readLayerConfig } from '../lipschitz-layer.ts'
import * as tf from '../tf.ts'
import { toCamelCase } from './python-keys.ts'
import { canonicalName, type SerializedObject, withoutPackage } from './serialized-object.ts'

type LayerClass = (new (options: never) => tf.layers.Layer) & { readonly className: string }

/** A class of this library or a function that makes one of TensorFlow.js' own layers (PReLUlip is one). */
type Factory = (options: Record<string, unknown>) => tf.layers.Layer

const OWN = new Map<string, Factory>()

/** Makes a layer known under its name, with and without deel-lip's package prefix, here and to `loadLayersModel`. */
export function registerLayer(cls: LayerClass): void {
  const create = cls as unknown as new (options: Record<string, unknown>) => tf.layers.Layer
  OWN.set(canonicalName(cls.className), (options) => new create(options))
  const serializable = cls as unknown as tf.serialization.SerializableConstructor<tf.serialization.Serializable>
  tf.serialization.registerClass(serializable, 'deel-lip')
  const map = tf.serialization.SerializationMap.getMap().classNameMap
  map[`deel-lip>${withoutPackage(cls.className)}`] = [serializable, serializable.fromConfig]
}

export function registerLayerFactory(className: string, create: Factory): void {
  OWN.set(canonicalName(className), create)
}

/** Whether the name is one of this library's layers. */
export function isOwnLayer(className: string): boolean {
  return OWN.has(canonicalName(className))
}

/**
 * Builds a layer of this library, or one of TensorFlow.js' own, from a configuration in any of the three dialects.
 * @throws LipError when the class is unknown
 */
export function createLayer({ className, config }: SerializedObject): tf.layers.Layer {
  const name = withoutPackage(className)
  const own = OWN.get(canonicalName(className))
  const options = readLayerConfig(config)
  if (own !== undefined) return own(options)
  const known = tf.serialization.SerializationMap.getMap().classNameMap
  const key = name in known ? name : Object.keys(known).find((other) => canonicalName(other) === canonicalName(name))
  const entry = key === undefined ? undefined : known[key]
  if (entry === undefined) {
    throw new LipError('CONFIG_INVALID', `Unknown layer class "${className}".`, {
      hint: 'Known are the layers of deel-lip and of Keras as far as TensorFlow.js has them.',
    })
  }
  const [cls, fromConfig] = entry
  return fromConfig(cls, toLibraryConfig(options) as tf.serialization.ConfigDict) as tf.layers.Layer
}

/** Values whose spelling TensorFlow.js changes together with the keys. */
const SPELLED = new Set(['dataFormat', 'activation', 'recurrentActivation', 'interpolation'])

/** A configuration as TensorFlow.js' own layers read it: camelCase at every depth, and some values too. */
function toLibraryConfig(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return SPELLED.has(key) ? toCamelCase(value) : value
  if (Array.isArray(value)) return value.map((item) => toLibraryConfig(item, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !['module', 'registered_name', 'build_config'].includes(name))
      .map(([name, item]) => [toCamelCase(name), toLibraryConfig(item, toCamelCase(name))]),
  )
}
