import { LipError } from '../../errors.ts'
import * as tf from '../tf.ts'
import { createLayer, isOwnLayer } from './layer-registry.ts'
import { toCamelCase, toSnakeCase } from './python-keys.ts'
import { asSerializedObject } from './serialized-object.ts'

/** A Keras name ('relu'), the class name of one of our layers ('GroupSort2'), a layer such as `new GroupSort({ n: 2 })`, or its {class_name, config}. */
export type ActivationIdentifier = string | tf.layers.Layer | object

/** @returns null for none or 'linear' */
export function resolveActivation(identifier: ActivationIdentifier | null | undefined): tf.layers.Layer | null {
  if (identifier === null || identifier === undefined) return null
  if (identifier instanceof tf.layers.Layer) return identifier
  if (typeof identifier === 'string') {
    if (identifier === 'linear') return null
    if (isOwnLayer(identifier)) return createLayer({ className: identifier, config: {} })
    try {
      return tf.layers.activation({ activation: toCamelCase(identifier) as 'relu' })
    } catch (cause) {
      throw new LipError('CONFIG_INVALID', `Unknown activation "${identifier}".`, { cause })
    }
  }
  const object = asSerializedObject(identifier)
  if (object === undefined) throw new LipError('CONFIG_INVALID', `Unknown activation ${JSON.stringify(identifier)}.`)
  return createLayer(object)
}

/** Keras writes plain functions by name and layers as objects. */
export function serializeActivation(activation: tf.layers.Layer | null): string | object {
  const name = plainActivationName(activation)
  if (name !== undefined) return toSnakeCase(name)
  return { class_name: activation!.getClassName(), config: activation!.getConfig() }
}

/** The name where the activation is one of Keras' functions ('linear' for none), else undefined. */
export function plainActivationName(activation: tf.layers.Layer | null): string | undefined {
  if (activation === null) return 'linear'
  if (activation.getClassName() !== 'Activation') return undefined
  return (activation.getConfig() as { activation: string }).activation
}
