import { LipError } from '../errors.ts'
import { describeNetwork } from '../export/describe.ts'
import type { NetworkDescription } from '../export/description.ts'
import type { LoweredNetwork, LoweredWeight } from '../export/lower.ts'
import { lower, reorder } from '../export/lower.ts'
import { COTANGENT, differentiate, gradientName } from '../graph/differentiate.ts'
import { prepare } from '../graph/prepare.ts'
import { simplifyGradient } from '../graph/simplify-gradient.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import * as tf from '../layers/tf.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import { encodeModel } from '../onnx/write.ts'
import { onnxruntime } from '../runtime/onnxruntime.ts'
import { openSession, type Session } from '../runtime/session.ts'
import { dampRoots } from './damp-roots.ts'
import { effectiveWeights, pullBack } from './effective-weights.ts'
import type { Engine, EngineOptions, StepResult } from './engine.ts'
import { lossAndGradient } from './loss-and-gradient.ts'
import { trainableVariables } from './variables.ts'

export interface OnnxruntimeEngineOptions extends EngineOptions {
  /** Samples a graph takes at once: small enough to stay in the cache, large enough for the kernels. Default 256. */
  readonly microBatch?: number
  readonly threads?: number
}

/**
 * Forward and backward pass as ONNX graphs in onnxruntime, with the effective weights as inputs; tfjs keeps the variables,
 * differentiates the loss at the logits and carries the gradients of the effective weights back through the reparametrisation.
 *
 * The batch is walked twice in slices of one fixed size (padded by rows whose cotangent is zero): once for the logits, which
 * the loss needs as a whole, once for the gradients.
 */
export async function onnxruntimeEngine(options: OnnxruntimeEngineOptions): Promise<Engine> {
  const { layers, inputShape, objective } = options
  refuseOtherLayers(layers)
  const microBatch = options.microBatch ?? 256
  const description = describeNetwork('training', layers, inputShape)
  const forward = await openForward(description, microBatch, options.threads)
  const backward = await openBackward(description, microBatch, options.threads)
  const { lowered } = forward
  const { Tensor } = onnxruntime()
  const size = lowered.inputDims.reduce((a, b) => a * b, 1)
  const { classes } = lowered
  const variables = trainableVariables(layers)
  const image = new Float32Array(microBatch * size)
  const imageTensor = new Tensor('float32', image, [microBatch, ...lowered.inputDims])
  const cotangent = new Float32Array(microBatch * classes)
  const cotangentTensor = new Tensor('float32', cotangent, [microBatch, classes])

  const feedsOf = (weights: ReadonlyMap<string, Float32Array>) =>
    Object.fromEntries(
      lowered.weights.map((weight) => [
        weight.tensor,
        new Tensor('float32', reorder(weights.get(keyOf(weight))!, weight.order), [...weight.dims]),
      ]),
    )

  const fill = (images: Float32Array, start: number, count: number): void => {
    image.set(images.subarray(start * size, (start + count) * size))
    image.fill(0, count * size)
  }

  async function logitsOf(images: Float32Array, n: number, feeds: ReturnType<typeof feedsOf>): Promise<Float32Array> {
    const logits = new Float32Array(n * classes)
    for (let start = 0; start < n; start += microBatch) {
      const count = Math.min(microBatch, n - start)
      fill(images, start, count)
      const out = await forward.session.run({ ...feeds, [lowered.input]: imageTensor })
      logits.set((out[lowered.output]!.data as Float32Array).subarray(0, count * classes), start * classes)
    }
    return logits
  }

  return {
    name: 'onnxruntime',
    description: `onnxruntime ${forward.session.provider} with ${forward.session.threads} threads for the network, tfjs ${tf.getBackend()} for reparametrisation and loss`,
    async step(images, labels): Promise<StepResult> {
      const n = labels.length
      const effective = effectiveWeights(layers)
      const feeds = feedsOf(effective.arrays)
      const logits = await logitsOf(images, n, feeds)
      const { value, gradient } = lossAndGradient(objective, logits, labels, classes)
      const totals = new Map(lowered.weights.map((weight) => [weight.tensor, new Float64Array(weight.order.length)]))
      for (let start = 0; start < n; start += microBatch) {
        const count = Math.min(microBatch, n - start)
        fill(images, start, count)
        cotangent.set(gradient.subarray(start * classes, (start + count) * classes))
        cotangent.fill(0, count * classes)
        const out = await backward.run({ ...feeds, [lowered.input]: imageTensor, [COTANGENT]: cotangentTensor })
        for (const [tensor, total] of totals) {
          const part = out[gradientName(tensor)]!.data as Float32Array
          for (let i = 0; i < part.length; i++) total[i]! += part[i]!
        }
      }
      const { gradients, penalty } = pullBack(layers, variables, objective, cotangents(lowered, totals))
      effective.commit()
      return { loss: value + penalty, logits, gradients }
    },
    async predict(images, count) {
      const now = describeNetwork('training', layers, inputShape)
      const arrays = new Map(
        now.layers.flatMap((layer) =>
          Object.entries(layer.weights).map(([role, { data }]) => [`${layer.name}/${role}`, data] as const),
        ),
      )
      return logitsOf(images, count, feedsOf(arrays))
    },
    async dispose() {
      await forward.session.release()
      await backward.release()
    },
  }
}

const keyOf = (weight: LoweredWeight): string => `${weight.layer}/${weight.role}`

async function openForward(
  description: NetworkDescription,
  batch: number,
  threads: number | undefined,
): Promise<{ session: Session; lowered: LoweredNetwork }> {
  const builder = new GraphBuilder({ name: 'forward' })
  const lowered = lower(description, builder, { batch, weights: 'inputs' })
  return { session: await open(encodeModel(builder.build()), threads), lowered }
}

async function openBackward(
  description: NetworkDescription,
  batch: number,
  threads: number | undefined,
): Promise<Session> {
  const builder = new GraphBuilder({ name: 'training' })
  const lowered = lower(description, builder, { batch, weights: 'inputs' })
  const program = prepare(builder.build(), { batch })
  const gradient = differentiate(program, { of: lowered.output, by: lowered.weights.map((weight) => weight.tensor) })
  return open(encodeModel(simplifyGradient(dampRoots(gradient, lowered.roots))), threads)
}

function open(bytes: Uint8Array, threads: number | undefined): Promise<Session> {
  return openSession(bytes, { provider: 'cpu', optimisation: 'all', ...(threads === undefined ? {} : { threads }) })
}

/** Sums of the weights' gradients by 'layer/role', from the graph's order of entries back to the layers'. */
function cotangents(
  lowered: LoweredNetwork,
  totals: ReadonlyMap<string, Float64Array>,
): (key: string) => Float32Array | undefined {
  const byKey = new Map(lowered.weights.map((weight) => [keyOf(weight), weight]))
  return (key) => {
    const weight = byKey.get(key)
    if (!weight) return undefined
    const total = totals.get(weight.tensor)!
    const own = new Float32Array(total.length)
    for (let i = 0; i < total.length; i++) own[weight.order[i]!] = total[i]!
    return own
  }
}

/**
 * Only layers whose training pass is the lowered one with effective weights in it. One that keeps statistics of its batches may
 * have an ONNX form, but that is its inference; weights of an activation inside a layer have no input of their own.
 * @throws LipError CONFIG_INVALID
 */
function refuseOtherLayers(layers: readonly tf.layers.Layer[]): void {
  for (const layer of layers) {
    const served =
      layer instanceof ReparametrisedLayer
        ? layer.activation === null || layer.activation.weights.length === 0
        : layer.nonTrainableWeights.length === 0
    if (served) continue
    throw new LipError(
      'CONFIG_INVALID',
      `Layer '${layer.name}' (${layer.getClassName()}) keeps weights that onnxruntime cannot train.`,
      { hint: 'Use --engine tfjs (or auto).' },
    )
  }
}
