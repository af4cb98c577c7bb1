import { LipError } from '../../errors.ts'
import type { LayerDescription, WeightArray } from '../description.ts'

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

/** A weight that the layer cannot do without. */
export function weightOf(layer: LayerDescription, role: string): WeightArray {
  const weight = layer.weights[role]
  if (weight) return weight
  throw new LipError('CONFIG_INVALID', `Layer '${layer.name}' (${layer.className}) has no ${role}.`)
}

/** 'same', 'valid' or deel-lip's kinds of padding, in small letters. */
export function paddingMode(layer: LayerDescription, fallback: string): string {
  return String(layer.config.padding ?? fallback).toLowerCase()
}

/** The refusal of a layer or setting that cannot be written as plain ONNX. */
export function unsupported(layer: LayerDescription, what: string): LipError {
  return new LipError(
    'CONFIG_INVALID',
    `Layer '${layer.name}' (${layer.className}) ${what}, which cannot be exported.`,
    {
      hint: 'Export takes channels-last networks of deel-lip layers and of the Keras layers that have a Lipschitz constant.',
    },
  )
}

/** Refuses channels_first, which deel-lip's own layers do not run either. */
export function requireChannelsLast(layer: LayerDescription): void {
  const format = layer.config.data_format
  if (format !== undefined && format !== null && format !== 'channels_last' && format !== 'channelsLast')
    throw unsupported(layer, `has data_format = ${format}`)
}

/** Height, width, channels of the images that the layer takes. */
export function spatialShape(
  shape: readonly number[],
  layer: { name: string; className: string },
): [number, number, number] {
  if (shape.length !== 3) {
    throw unsupported({ ...layer, config: {}, weights: {} }, `needs images but is given shape [${shape.join(', ')}]`)
  }
  return [shape[0]!, shape[1]!, shape[2]!]
}

/** Refuses an `axis` that is not the channels'. */
export function requireLastAxis({ shape }: { readonly shape: readonly number[] }, layer: LayerDescription): void {
  const value = layer.config.axis ?? -1
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (axis !== -1 && axis !== shape.length) throw unsupported(layer, `has axis = ${JSON.stringify(value)}`)
}
