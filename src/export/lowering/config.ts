import { LipError } from '../../errors.ts'
import type { LayerDescription } from '../description.ts'

/** A configuration value of a layer as a pair (Keras writes 2 or [2, 2]). */
export function pair(
  layer: LayerDescription,
  key: string,
  fallback: readonly [number, number],
): readonly [number, number] {
  const value = layer.config[key] ?? fallback
  if (typeof value === 'number') return [value, value]
  if (Array.isArray(value) && value.length === 2) return [Number(value[0]), Number(value[1])]
  throw unsupported(layer, `has ${key} = ${JSON.stringify(value)}`)
}

export function number(layer: LayerDescription, key: string, fallback: number): number {
  const value = layer.config[key] ?? fallback
  if (typeof value !== 'number') throw unsupported(layer, `has ${key} = ${JSON.stringify(value)}`)
  return value
}

/** The refusal of a layer or setting that cannot be written as plain ONNX. */
export function unsupported(layer: LayerDescription, what: string): LipError {
  return new LipError(
    'CONFIG_INVALID',
    `Layer '${layer.name}' (${layer.className}) ${what}, which cannot be exported.`,
    {
      hint: 'Export supports channels-last networks of deel-lip layers and the Keras layers listed in the README.',
    },
  )
}

/** Refuses channels_first, which deel-lip's own layers do not run either. */
export function requireChannelsLast(layer: LayerDescription): void {
  const format = layer.config.data_format
  if (format !== undefined && format !== null && format !== 'channels_last')
    throw unsupported(layer, `has data_format = ${format}`)
}
