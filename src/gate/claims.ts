/**
 * What the exporter wrote into the metadata about the file. A claim is checked and never used by a proof.
 * @module
 */
import type { BoundName } from './policy.ts'

/** Key of the claim in the model's metadata. */
export const CLAIM_KEY = 'lip_onnx.claim'

export interface Claims {
  readonly network?: { readonly of: BoundName; readonly upper: number }
  /** Node name -> bound of its linear part. */
  readonly layers: Readonly<Record<string, number>>
}

const isBound = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0

/**
 * The claims of a model; undefined when it makes none, 'unreadable' when what stands there is no claim.
 * Anybody can write metadata: nothing about its shape is taken for granted.
 */
export function readClaims(metadata: ReadonlyMap<string, string>): Claims | 'unreadable' | undefined {
  const text = metadata.get(CLAIM_KEY)
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as { network?: { of?: unknown; upper?: unknown }; layers?: Record<string, unknown> }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'unreadable'
    const layers = value.layers ?? {}
    if (typeof layers !== 'object' || Array.isArray(layers) || !Object.values(layers).every(isBound))
      return 'unreadable'
    if (value.network === undefined) return { layers: layers as Record<string, number> }
    const { of, upper } = value.network
    if (!isBound(upper) || !['logit', 'features', 'joint', 'pair'].includes(of as string)) return 'unreadable'
    return { network: { of: of as BoundName, upper }, layers: layers as Record<string, number> }
  } catch {
    return 'unreadable'
  }
}
