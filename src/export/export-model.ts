import { LipError } from '../errors.ts'
import { CLAIM_KEY } from '../gate/claims.ts'
import { GraphBuilder } from '../onnx/builder.ts'
import type { Model } from '../onnx/ir.ts'
import { decodeModel } from '../onnx/read.ts'
import { encodeModel, writeModel } from '../onnx/write.ts'
import { packageVersion } from '../version.ts'
import { type CertifiedLayer, type CertifiedModel, certifyModel } from './certify-model.ts'
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
  /** What the file says of every logit; Infinity where nothing is proved, and nothing is claimed then. */
  readonly claim: { readonly of: 'logit'; readonly upper: number }
  /** Factor of all logits in the file: below 1 where the layers' shares alone do not prove the promise. */
  readonly outputScale: number
  /** Nodes without a bound, where there are such. */
  readonly refused: CertifiedModel['refused']
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
  const result = await certifiedModel(network, options)
  await writeModel(result.model, path)
  return result
}

/**
 * The model that `exportModel` writes, and what is proved of it. Strict: linear layers are scaled to their shares one by one;
 * what is then still missing (a padding that expands, a slope above 1, branches that add up) is taken from the logits.
 */
export async function certifiedModel(network: NetworkDescription, options: ExportOptions = {}): Promise<ExportResult> {
  const strict = (options.mode ?? 'strict') === 'strict'
  const promised = options.kCoefLip ?? 1
  const first = build(network, options)
  const { claims: shares } = first
  const before = await certify(first.model, shares)
  let current = network
  let after = before
  for (let round = 0; strict && !withinShares(after.layers, shares); round++) {
    if (round === 3) throw uncertified(`The layers of '${network.name}' cannot be scaled to their shares.`)
    current = scaleToShares(current, after.layers, shares)
    after = await certify(build(current, options).model, shares)
  }
  let outputScale = 1
  for (let round = 0; strict && round < 3 && after.logit > promised && Number.isFinite(after.logit); round++) {
    outputScale *= (promised / after.logit) * (1 - MARGIN)
    after = await certify(build(current, options, { outputScale }).model, shares)
  }
  const layers = [...shares].map(
    ([node, share]): ExportedLayer => ({
      node,
      share,
      before: normOf(before.layers.get(node)!, share),
      after: normOf(after.layers.get(node)!, share),
    }),
  )
  const proved = Number.isFinite(after.logit)
  const upper = strict && after.logit <= promised ? promised : after.logit
  const claim = JSON.stringify({
    ...(proved && { network: { of: 'logit', upper } }),
    layers: Object.fromEntries(
      layers
        .filter(({ share }) => share.of === 'norm')
        .map(({ node, share, after: norm }) => [
          node,
          layerClaim(norm, strict ? share.limit : Number.POSITIVE_INFINITY),
        ]),
    ),
  })
  return {
    model: build(current, options, { outputScale, claim }).model,
    layers,
    claim: { of: 'logit', upper },
    outputScale,
    refused: after.refused,
  }
}

/**
 * What the file says of a layer: what was proved of it, not the share that it might have used, so that a weight changed later
 * is noticed. A little room keeps the claim provable by an enclosure that is a little wider.
 */
function layerClaim(norm: number, limit: number): number {
  return Math.min(limit, norm * (1 + 2 ** -20))
}

function normOf(layer: CertifiedLayer, share: Share): number {
  return share.of === 'rows' ? Math.max(...layer.rows!) : layer.norm
}

function build(
  network: NetworkDescription,
  options: ExportOptions,
  { outputScale = 1, claim }: { readonly outputScale?: number; readonly claim?: string } = {},
): Pick<LoweredNetwork, 'claims'> & { readonly model: Model } {
  const builder = new GraphBuilder({
    name: network.name,
    opset: 18,
    irVersion: 10,
    producerName: 'lip-onnx',
    producerVersion: packageVersion(),
  })
  const { claims } = lower(network, builder, {
    batch: 'N',
    weights: 'initializers',
    ...(outputScale !== 1 && { outputScale }),
  })
  if (claim !== undefined) builder.metadata(CLAIM_KEY, claim)
  for (const [key, value] of Object.entries(options.metadata ?? {})) builder.metadata(key, value)
  // What is certified is what a reader of the file will see.
  return { model: decodeModel(encodeModel(builder.build())), claims }
}

type Norms = CertifiedModel['layers']
type Shares = ReadonlyMap<string, Share>

async function certify(model: Model, shares: Shares): Promise<CertifiedModel> {
  const certified = await certifyModel(model, shares.keys())
  for (const [node, share] of shares) {
    const layer = certified.layers.get(node)
    if (!layer || !Number.isFinite(normOf(layer, share)))
      throw uncertified(`The norm of '${node}' cannot be certified: its weights are not all finite.`)
  }
  return certified
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
      const role = layer.weights.kernel ? 'kernel' : 'depthwise_kernel'
      const kernel = layer.weights[role]
      if (!share || !proved || !kernel) return layer
      const factor = (norm: number) => (norm <= share.limit ? 1 : (share.limit / norm) * (1 - MARGIN))
      // The last axis of deel-lip's kernels is the output.
      const outputs = kernel.dims[kernel.dims.length - 1]!
      const factors =
        share.of === 'rows' ? proved.rows!.map(factor) : new Array<number>(outputs).fill(factor(proved.norm))
      return { ...layer, weights: { ...layer.weights, [role]: scaleOutputs(kernel, factors) } }
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
