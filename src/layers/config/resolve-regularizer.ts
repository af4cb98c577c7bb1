import { LipError } from '../../errors.ts'
import * as tf from '../tf.ts'
import { withCamelKeys, withSnakeKeys } from './python-keys.ts'
import { asSerializedObject, canonicalName, type PythonObject } from './serialized-object.ts'

type Factory<T> = (options: Record<string, unknown>) => T

/** Kinds of pluggable objects that share Keras' way of naming and serialising. */
interface Kind<T> {
  readonly noun: string
  readonly isInstance: (value: unknown) => value is T
  readonly own: Map<string, Factory<T>>
  readonly library: () => Record<string, Factory<T> | undefined>
}

export type RegularizerIdentifier = string | tf.Regularizer | object
export type ConstraintIdentifier = string | tf.Constraint | object

const REGULARIZERS: Kind<tf.Regularizer> = {
  noun: 'regularizer',
  isInstance: (value): value is tf.Regularizer => value instanceof tf.Regularizer,
  own: new Map(),
  library: () => tf.regularizers as unknown as Record<string, Factory<tf.Regularizer> | undefined>,
}

const CONSTRAINTS: Kind<tf.Constraint> = {
  noun: 'constraint',
  isInstance: (value): value is tf.Constraint => value instanceof tf.Constraint,
  own: new Map(),
  library: () => tf.constraints as unknown as Record<string, Factory<tf.Constraint> | undefined>,
}

/** Makes a class known by its name to `resolveRegularizer`. */
export function registerRegularizer(className: string, create: Factory<tf.Regularizer>): void {
  REGULARIZERS.own.set(canonicalName(className), create)
}

export function registerConstraint(className: string, create: Factory<tf.Constraint>): void {
  CONSTRAINTS.own.set(canonicalName(className), create)
}

export function resolveRegularizer(identifier: RegularizerIdentifier | null | undefined): tf.Regularizer | null {
  return resolve(REGULARIZERS, identifier)
}

export function resolveConstraint(identifier: ConstraintIdentifier | null | undefined): tf.Constraint | null {
  return resolve(CONSTRAINTS, identifier)
}

export function serializePluggable(object: tf.Regularizer | tf.Constraint | null): PythonObject | null {
  if (object === null) return null
  return { class_name: object.getClassName(), config: withSnakeKeys(object.getConfig() as Record<string, unknown>) }
}

function resolve<T>(kind: Kind<T>, identifier: unknown): T | null {
  if (identifier === null || identifier === undefined) return null
  if (kind.isInstance(identifier)) return identifier
  const object = typeof identifier === 'string' ? { className: identifier, config: {} } : asSerializedObject(identifier)
  const name = object === undefined ? '' : canonicalName(object.className)
  const library = kind.library()
  const create = kind.own.get(name) ?? library[Object.keys(library).find((key) => canonicalName(key) === name) ?? '']
  if (object === undefined || typeof create !== 'function') {
    throw new LipError('CONFIG_INVALID', `Unknown ${kind.noun} ${JSON.stringify(identifier)}.`)
  }
  const config = withCamelKeys(object.config)
  delete config.customObjects
  return create(config)
}
