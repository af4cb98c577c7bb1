import { LipError } from '../errors.ts'
import { CLAIM_KEY } from '../gate/claims.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Model } from '../onnx/ir.ts'
import { decodeModel } from '../onnx/read.ts'
import { encodeModel, writeModel } from '../onnx/write.ts'
import { packageVersion } from '../version.ts'
import { type CertifiedLayer, certifiedNorms } from './certified-norms.ts'
import type { LayerDescription, NetworkDescription, WeightArray } from './description.ts'
import { type LoweredNetwork, lower } from './lower.ts'
import type { Share } from './lowering/lowering.ts'

export interface ExportOptions {
  /**
   * 'strict' (default): a layer whose certified norm exceeds its share is scaled down, so that the file passes `verify` at k.
   * 'deel-lip': the weights as they are; the file then claims only what was proved of them.
   */
  readonly mode?: 'strict' | 'deel-lip'
  /** Lipschitz constant that the file promises of every logit. Default 1. */
  readonly kCoefLip?: number
  /** Further metadata: training summary, source. */
  readonly metadata?: Readonly<Record<string, string>>
}

export interface ExportedLayer {
  readonly node: string
  /** Certified norm of the weights as they came; of the largest row where rows count one by one. */
  readonly before: number
  /** The same in the file. */
  readonly after: number
  /** What the network's claim needs of this layer. */
  readonly share: Share
}

export interface ExportResult {
  readonly model: Model
  readonly layers: readonly ExportedLayer[]
  readonly claim: { readonly of: 'logit'; readonly upper: number }
}

/** A share is aimed at from below by this much, so that rounding the scaled weights to float32 does not lift it again. */
const MARGIN = 2 ** -20

/**
 * Writes a network as plain ONNX, reads the bytes back and certifies them.
 *
 * @throws LipError CONFIG_INVALID when a layer has no ONNX form or a norm cannot be certified, FILE_NOT_WRITABLE
 */
export async function exportModel(
  network: NetworkDescription,
  path: string,
  options: ExportOptions = {},
): Promise<ExportResult> {
  const result = certifiedModel(network, options)
  await writeModel(result.model, path)
  return result
}

/** The model that `exportModel` writes, and what is proved of it. */
export function certifiedModel(network: NetworkDescription, options: ExportOptions = {}): ExportResult {
  const strict = (options.mode ?? 'strict') === 'strict'
  const { model: draft, claims: shares, factor } = build(network, options)
  const before = certify(draft, shares)
  let current = network
  let after = before
  if (strict) {
    for (let round = 0; !withinShares(after, shares); round++) {
      if (round === 3) throw uncertified(`The layers of '${network.name}' cannot be scaled to their shares.`)
      current = scaleToShares(current, after, shares)
      after = certify(build(current, options).model, shares)
    }
  }
  const layers = [...shares].map(
    ([node, share]): ExportedLayer => ({
      node,
      share,
      before: normOf(before.get(node)!, share),
      after: normOf(after.get(node)!, share),
    }),
  )
  const proved = layers.reduce((bound, layer) => bound * layer.after * (1 + 2 ** -50), factor)
  const promised = options.kCoefLip ?? 1
  const claim = { of: 'logit', upper: strict && proved <= promised ? promised : proved } as const
  const text = JSON.stringify({
    network: claim,
    layers: Object.fromEntries(
      layers
        .filter(({ share }) => share.of === 'norm')
        .map(({ node, share, after: norm }) => [node, strict ? share.limit : norm]),
    ),
  })
  return { model: build(current, options, text).model, layers, claim }
}

function normOf(layer: CertifiedLayer, share: Share): number {
  return share.of === 'rows' ? Math.max(...layer.rows!) : layer.norm
}

function build(
  network: NetworkDescription,
  options: ExportOptions,
  claim?: string,
): Pick<LoweredNetwork, 'claims' | 'factor'> & { readonly model: Model } {
  const builder = new GraphBuilder({
    name: network.name,
    opset: 18,
    irVersion: 10,
    producerName: 'lip-onnx',
    producerVersion: packageVersion(),
  })
  const { claims, factor } = lower(network, builder, { batch: 'N', weights: 'initializers' })
  if (claim !== undefined) builder.metadata(CLAIM_KEY, claim)
  for (const [key, value] of Object.entries(options.metadata ?? {})) builder.metadata(key, value)
  // What is certified is what a reader of the file will see.
  return { model: decodeModel(encodeModel(builder.build())), claims, factor }
}

type Norms = ReadonlyMap<string, CertifiedLayer>
type Shares = ReadonlyMap<string, Share>

function certify(model: Model, shares: Shares): Norms {
  const norms = certifiedNorms(model, shares.keys())
  for (const [node, share] of shares) {
    const layer = norms.get(node)
    if (!layer || !Number.isFinite(normOf(layer, share)))
      throw uncertified(`The norm of '${node}' cannot be certified: its weights are not all finite.`)
  }
  return norms
}

function withinShares(norms: Norms, shares: Shares): boolean {
  return [...shares].every(([node, share]) => normOf(norms.get(node)!, share) <= share.limit)
}

function scaleToShares(network: NetworkDescription, norms: Norms, shares: Shares): NetworkDescription {
  return {
    ...network,
    layers: network.layers.map((layer): LayerDescription => {
      const share = shares.get(layer.name)
      const proved = norms.get(layer.name)
      const { kernel } = layer.weights
      if (!share || !proved || !kernel) return layer
      const factor = (norm: number) => (norm <= share.limit ? 1 : (share.limit / norm) * (1 - MARGIN))
      // The last axis of deel-lip's kernels is the output.
      const outputs = kernel.dims[kernel.dims.length - 1]!
      const factors =
        share.of === 'rows' ? proved.rows!.map(factor) : new Array<number>(outputs).fill(factor(proved.norm))
      return { ...layer, weights: { ...layer.weights, kernel: scaleOutputs(kernel, factors) } }
    }),
  }
}

function scaleOutputs({ dims, data }: WeightArray, factors: readonly number[]): WeightArray {
  return { dims, data: data.map((value, i) => value * factors[i % factors.length]!) }
}

function uncertified(message: string): LipError {
  return new LipError('CONFIG_INVALID', message, {
    hint: 'Check the training: weights that are not finite come from it.',
  })
}
