/**
 * Keras' configuration of a model (model_config of .h5, config.json of .keras, modelTopology of model.json) as a
 * NetworkDescription: Sequential, and functional models with branches.
 * @module
 */
import { LipError } from '../../errors.ts'
import type { LayerDescription, NetworkDescription, WeightArray } from '../description.ts'

export interface KerasLayer {
  readonly class_name: string
  readonly name?: string
  readonly config: Readonly<Record<string, unknown>>
  readonly inbound_nodes?: readonly unknown[]
}

export interface KerasModel {
  readonly class_name: string
  readonly config:
    | readonly KerasLayer[]
    | {
        readonly name?: string
        readonly layers?: readonly KerasLayer[]
        readonly input_layers?: unknown
        readonly output_layers?: unknown
      }
}

/** Weights of a layer by the names of its variables: kernel, bias, wbar, ... */
export type WeightsOf = (layer: KerasLayer, name: string) => Record<string, WeightArray>

export interface KerasSource {
  /** For messages. */
  readonly path: string
  /** Keras' version, or 'tfjs-layers ...' for a model of this library. */
  readonly version?: string | undefined
  readonly weightsOf: WeightsOf
}

/** @throws LipError CONFIG_INVALID for a model of another kind, DATA_INVALID when its input has no shape */
export function describeKerasModel(model: KerasModel, source: KerasSource): NetworkDescription {
  const { path } = source
  const kind = stripPackage(String(model.class_name))
  const config = Array.isArray(model.config) ? { layers: model.config as KerasLayer[] } : (model.config as Settings)
  const functional = kind === 'Model' || kind === 'Functional'
  if ((kind !== 'Sequential' && !functional) || !Array.isArray(config?.layers)) {
    throw new LipError(
      'CONFIG_INVALID',
      `'${path}' holds a ${model.class_name} model; only Sequential and functional models are exported.`,
    )
  }
  const layers = functional ? inOrder(config.layers, path) : config.layers
  const described = layers.map((layer) => describeLayer(layer, source, functional ? inputsOf(layer, path) : undefined))
  return {
    name: config.name ?? 'model',
    inputShape: inputShapeOf(layers, path),
    layers: described,
    ...(functional && { output: onlyOne(config.output_layers, 'outputs', path) }),
  }
}

type Settings = Exclude<KerasModel['config'], readonly KerasLayer[]>

function describeLayer(
  layer: KerasLayer,
  { version = '3', weightsOf }: KerasSource,
  inputs: readonly string[] | undefined,
): LayerDescription {
  const className = stripPackage(layer.class_name)
  const name = nameOf(layer)
  return {
    className,
    name,
    config: configOf(className, layer.config, version),
    weights: effectiveWeights(layer.config, weightsOf(layer, name)),
    ...(inputs && { inputs }),
  }
}

/** What deel-lip does and its configuration does not say. Models of this library say it themselves. */
function configOf(className: string, config: KerasLayer['config'], version: string): KerasLayer['config'] {
  if (version.startsWith('tfjs-layers')) return config
  // Its Householder ignores k_coef_lip, its up-sampling mixes up height and width.
  if (className === 'Householder' || className === 'InvertibleUpSampling') return { ...config, compat: 'deel-lip' }
  // For Keras 3 it computes its L2 poolings as sqrt(mean + eps).
  if (!/^Scaled(Global)?L2NormPooling2D$/.test(className) || !version.startsWith('3')) return config
  return { ...config, epsilon_under_root: config.eps_grad_sqrt ?? 1e-6 }
}

/** Variables that are state of training only. */
const STATE = ['wbar', 'sn', 'sigma', 'q', 'kernel_stride', 'batches']

/** Inference multiplies with the stored wbar; layers without one use their kernel. */
function effectiveWeights(
  { activation }: KerasLayer['config'],
  weights: Record<string, WeightArray>,
): Record<string, WeightArray> {
  const inner = typeof activation === 'object' && activation !== null
  const out = Object.fromEntries(
    Object.entries(weights)
      .filter(([role]) => !STATE.includes(role))
      // theta and alpha of a layer with a layer as activation are the latter's.
      .map(([role, array]) => [inner && (role === 'theta' || role === 'alpha') ? `activation/${role}` : role, array]),
  )
  if (weights.wbar) out.kernel = weights.wbar
  return out
}

function inputShapeOf(layers: readonly KerasLayer[], path: string): readonly number[] {
  const inputs = layers.filter((layer) => stripPackage(layer.class_name) === 'InputLayer')
  if (inputs.length > 1)
    throw new LipError('CONFIG_INVALID', `'${path}' has ${inputs.length} inputs; only models with one are exported.`)
  for (const { config } of layers) {
    const shape = (config.batch_shape ?? config.batch_input_shape) as (number | null)[] | undefined
    if (Array.isArray(shape)) return shape.slice(1).map((size) => sizeOrThrow(size, path))
  }
  throw new LipError('DATA_INVALID', `'${path}' does not declare the shape of its input.`, {
    hint: 'Build the model with an Input layer, or call it once, before saving it.',
  })
}

function sizeOrThrow(size: number | null, path: string): number {
  if (typeof size === 'number') return size
  throw new LipError(
    'CONFIG_INVALID',
    `'${path}' leaves the size of its input open; Lipschitz coefficients need a fixed one.`,
  )
}

/** Names of the layers that a layer reads: Keras 2's [[name, node, tensor, kwargs], ...] or Keras 3's __keras_tensor__. */
function inputsOf(layer: KerasLayer, path: string): readonly string[] {
  const nodes = layer.inbound_nodes ?? []
  if (nodes.length > 1) {
    throw new LipError(
      'CONFIG_INVALID',
      `'${path}' uses its layer '${nameOf(layer)}' ${nodes.length} times; shared layers are not exported.`,
    )
  }
  return nodes.flatMap(tensorsOf)
}

function tensorsOf(value: unknown): string[] {
  if (Array.isArray(value)) {
    const [name, node, tensor] = value
    if (typeof name === 'string' && typeof node === 'number' && typeof tensor === 'number') return [name]
    return value.flatMap(tensorsOf)
  }
  if (typeof value !== 'object' || value === null) return []
  const { keras_history: history } = value as { keras_history?: unknown }
  return history !== undefined ? tensorsOf(history) : Object.values(value).flatMap(tensorsOf)
}

/** Every layer after those that it reads. */
function inOrder(layers: readonly KerasLayer[], path: string): readonly KerasLayer[] {
  const byName = new Map(layers.map((layer) => [nameOf(layer), layer]))
  const done = new Set<KerasLayer>()
  const visit = (layer: KerasLayer, above: readonly KerasLayer[]): void => {
    if (done.has(layer)) return
    if (above.includes(layer)) throw new LipError('DATA_INVALID', `The layers of '${path}' form a cycle.`)
    for (const name of inputsOf(layer, path)) {
      const source = byName.get(name)
      if (!source) throw new LipError('DATA_INVALID', `'${path}' reads a layer '${name}' that it does not have.`)
      visit(source, [...above, layer])
    }
    done.add(layer)
  }
  for (const layer of layers) visit(layer, [])
  return [...done]
}

function onlyOne(layers: unknown, what: string, path: string): string {
  const names = tensorsOf(layers)
  if (names.length === 1) return names[0]!
  throw new LipError('CONFIG_INVALID', `'${path}' has ${names.length} ${what}; only models with one are exported.`)
}

function nameOf(layer: KerasLayer): string {
  return String(layer.config.name ?? layer.name)
}

export function stripPackage(className: string): string {
  return className.replace(/^.*>/, '')
}
