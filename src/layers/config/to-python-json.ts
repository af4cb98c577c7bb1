import { toSnakeCase } from './python-keys.ts'

/** Values that TensorFlow.js spells in camelCase and Keras in snake_case. */
const SPELLED = new Set(['dataFormat', 'data_format', 'activation', 'recurrentActivation'])

/**
 * A model's configuration as Keras writes it: snake_case keys at every depth. TensorFlow.js' own conversion also rewrites
 * strings, and with them the class names of nested objects.
 */
export function toPythonJson(value: unknown, key = ''): unknown {
  if (typeof value === 'string') return SPELLED.has(key) ? toSnakeCase(value) : value
  if (Array.isArray(value)) return value.map((item) => toPythonJson(item, key))
  if (value === undefined) return null
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [toSnakeCase(name), toPythonJson(item, name)]))
}
