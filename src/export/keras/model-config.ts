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
  readonly module?: string
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

/** The weights of the layers of one model. */
export interface ModelWeights {
  /** Of a layer, by the names of its variables: kernel, bias, wbar, ... */
  of(layer: KerasLayer): Record<string, WeightArray>
  /** Of a model that is a layer of this one. */
  inside(model: KerasLayer): ModelWeights
}

export interface KerasSource {
  /** For messages. */
  readonly path: string
  /** Keras' version, or 'tfjs-layers ...' for a model of this library. */
  readonly version?: string | undefined
  readonly weights: ModelWeights
}

/** @throws LipError CONFIG_INVALID for a model of another kind, DATA_INVALID when its input has no shape */
export function describeKerasModel(model: KerasModel, source: KerasSource): NetworkDescription {
  const settings = settingsOf(model, source.path)
  const layers: LayerDescription[] = []
  const output = describeInto(layers, settings, source, { prefix: '', feeds: undefined })
  return { name: settings.name ?? 'model', inputShape: inputShapeOf(settings.layers, source.path), layers, output }
}

/** Where a model is called: before the names of its layers, and what it reads (undefined: the network's input). */
interface Call {
  readonly prefix: string
  readonly feeds: readonly string[] | undefined
}

/**
 * Describes every use of every layer, those of models inside the model too: a layer that is used again has another name and the
 * same weights.
 *
 * @returns the name of the layer that gives the model's output
 */
function describeInto(out: LayerDescription[], model: Settings, source: KerasSource, call: Call): string {
  const { path } = source
  const { prefix, feeds } = call
  const nameOfUse = (name: string, node: number): string => `${prefix}${name}${node === 0 ? '' : `/${node}`}`
  const describe = (layer: KerasLayer, node: number, inputs: readonly string[]): string => {
    const name = nameOfUse(nameOf(layer), node)
    if (!isModel(layer)) {
      out.push(describeLayer(layer, name, inputs, source))
      return name
    }
    const inner = { ...source, weights: source.weights.inside(layer) }
    return describeInto(out, settingsOf(layer, path), inner, { prefix: `${name}/`, feeds: inputs })
  }
  if (model.sequential) {
    // A model without an InputLayer is fed through its first layer.
    return model.layers.reduce((before, layer) => [describe(layer, 0, before)], feeds ?? [])[0]!
  }
  const entries = tensorsOf(model.input_layers).map(({ layer }) => layer)
  if (feeds && feeds.length !== entries.length)
    throw new LipError(
      'DATA_INVALID',
      `A model in '${path}' takes ${entries.length} inputs and is given ${feeds.length}.`,
    )
  const outputs = new Map<string, string>()
  for (const { layer, key, node, inputs } of inOrder(model.layers, path)) {
    const entry = feeds ? entries.indexOf(nameOf(layer)) : -1
    const given = entry >= 0 ? [feeds![entry]!] : inputs.map((input) => outputs.get(input)!)
    if (given.length === 0 && stripPackage(layer.class_name) !== 'InputLayer')
      throw new LipError('DATA_INVALID', `The layer '${nameOf(layer)}' of '${path}' reads nothing.`)
    outputs.set(key, describe(layer, node, given))
  }
  return outputs.get(onlyOne(model, path))!
}

interface Settings {
  readonly name?: string | undefined
  readonly sequential: boolean
  readonly layers: readonly KerasLayer[]
  readonly input_layers?: unknown
  readonly output_layers?: unknown
}

const MODELS = ['Sequential', 'Functional', 'Model']

function isModel(layer: KerasLayer): boolean {
  return MODELS.includes(stripPackage(layer.class_name)) && layersIn(layer).length > 0
}

/** The layers of a model; none of another layer. */
export function layersIn({ config }: KerasModel | KerasLayer): readonly KerasLayer[] {
  const layers: unknown = Array.isArray(config) ? config : (config as Partial<Settings> | null)?.layers
  return Array.isArray(layers) ? layers.filter(isLayer) : []
}

function isLayer(value: unknown): value is KerasLayer {
  const { class_name: className, config } = (value ?? {}) as Partial<KerasLayer>
  return typeof className === 'string' && typeof config === 'object' && config !== null
}

function settingsOf({ class_name: className, config }: KerasModel | KerasLayer, path: string): Settings {
  const kind = stripPackage(String(className))
  const settings = (Array.isArray(config) ? { layers: config } : config) as Partial<Settings> | null
  if (!MODELS.includes(kind) || !Array.isArray(settings?.layers)) {
    throw new LipError(
      'CONFIG_INVALID',
      `'${path}' holds a ${className} model; only Sequential and functional models are exported.`,
    )
  }
  if (!settings.layers.every(isLayer))
    throw new LipError('DATA_INVALID', `'${path}' describes a layer without a class.`)
  return { ...settings, layers: settings.layers, sequential: kind === 'Sequential' }
}

function describeLayer(
  layer: KerasLayer,
  name: string,
  inputs: readonly string[],
  { version = '3', weights }: KerasSource,
): LayerDescription {
  const className = stripPackage(layer.class_name)
  // An operation of keras.ops may share the name of a layer and not its arguments.
  if (/\.ops\./.test(layer.module ?? '') && !ELEMENTWISE.includes(className)) {
    throw new LipError(
      'CONFIG_INVALID',
      `Layer '${name}' is the operation ${className} of keras.ops, which cannot be exported.`,
      { hint: 'Use the layer of Keras that does the same.' },
    )
  }
  return {
    className,
    name,
    config: configOf(className, layer.config, version),
    weights: effectiveWeights(layer.config, weights.of(layer)),
    inputs,
  }
}

/** Operations that are what the layer of the same name is. */
const ELEMENTWISE = ['Add', 'Subtract', 'Multiply', 'Maximum', 'Minimum']

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

/** One use of a layer: Keras numbers them. */
interface Use {
  readonly layer: string
  readonly node: number
}

/** What is used in a value: Keras 2's [[name, node, tensor, kwargs], ...] or Keras 3's __keras_tensor__. */
function tensorsOf(value: unknown): Use[] {
  if (Array.isArray(value)) {
    const [layer, node, tensor] = value
    if (typeof layer === 'string' && typeof node === 'number' && typeof tensor === 'number') return [{ layer, node }]
    return value.flatMap(tensorsOf)
  }
  if (typeof value !== 'object' || value === null) return []
  const { keras_history: history } = value as { keras_history?: unknown }
  return history !== undefined ? tensorsOf(history) : Object.values(value).flatMap(tensorsOf)
}

interface LayerUse {
  readonly layer: KerasLayer
  readonly node: number
  readonly key: string
  readonly inputs: readonly string[]
}

/** Names each use of a layer. A layer that is used once may have been used before, outside of this model. */
function keysOf(layers: readonly KerasLayer[]): (use: Use) => string {
  const shared = new Set(layers.filter((layer) => (layer.inbound_nodes?.length ?? 0) > 1).map(nameOf))
  return ({ layer, node }) => `${shared.has(layer) ? node : 0}/${layer}`
}

/** Every use of every layer after those that it reads. */
function inOrder(layers: readonly KerasLayer[], path: string): readonly LayerUse[] {
  const keyOf = keysOf(layers)
  const uses = new Map(
    layers.flatMap((layer) => {
      const nodes = layer.inbound_nodes?.length ? layer.inbound_nodes : [[]]
      return nodes.map((value, node) => [keyOf({ layer: nameOf(layer), node }), { layer, node, value }] as const)
    }),
  )
  const done = new Map<string, LayerUse>()
  const visit = (key: string, above: readonly string[]): void => {
    if (done.has(key)) return
    if (above.includes(key)) throw new LipError('DATA_INVALID', `The layers of '${path}' form a cycle.`)
    const use = uses.get(key)
    if (!use) {
      const name = key.slice(key.indexOf('/') + 1)
      throw new LipError('DATA_INVALID', `'${path}' reads a layer '${name}' that it does not have.`)
    }
    const { layer, node, value } = use
    const inputs = tensorsOf(value).map(keyOf)
    for (const input of inputs) visit(input, [...above, key])
    done.set(key, { layer, node, key, inputs })
  }
  for (const key of uses.keys()) visit(key, [])
  return [...done.values()]
}

/** The use that gives the one output of a model. */
function onlyOne({ layers, output_layers: outputs }: Settings, path: string): string {
  const uses = tensorsOf(outputs)
  if (uses.length === 1) return keysOf(layers)(uses[0]!)
  throw new LipError('CONFIG_INVALID', `'${path}' has ${uses.length} outputs; only models with one are exported.`)
}

export function nameOf(layer: KerasLayer): string {
  return String(layer.config.name ?? layer.name)
}

export function stripPackage(className: string): string {
  return className.replace(/^.*>/, '')
}
