/**
 * Numeric profiles: what a proof may assume about the arithmetic of the provider that runs the network
 * (docs/soundness.md 10.1). Certificates name their profile; an attack or a conformance check can refute it.
 * @module
 */

export type ProviderName = 'cpu' | 'cuda' | 'webgpu'
export type Optimisation = 'disabled' | 'basic' | 'extended' | 'all'

export interface NumericProfile {
  readonly name: 'f32-any-order' | 'cuda-f32' | 'cuda-tf32' | 'webgpu-f32'
  /** What is taken on trust, one sentence each; printed in every report. */
  readonly assumptions: readonly string[]
}

const ANY_ORDER =
  'Each sum of products in the network is computed in IEEE float32 (unit roundoff 2^-24), in any order, with or without ' +
  'fused multiply-add; subnormal numbers may be flushed to zero.'
const EXACT_MOVES = 'Comparisons, maxima, minima and data movement are exact.'
const TABLES =
  'Functions that the hardware does not have (exp, log, tanh, erf, sine, powers) are within 16 times 2^-24 of their largest ' +
  'value or, where they grow, of their result.'
const AS_WRITTEN =
  "The graph runs as it is written: onnxruntime's graph optimisations are off (its own default is on), for they may fold " +
  'normalisation into weights.'
const REWRITES =
  'onnxruntime was allowed to rewrite the graph (constant folding, fusion of normalisation into weights); the proof is ' +
  'about the graph as written.'

/** The profile of a provider under the given settings. */
export function numericProfile(
  provider: ProviderName,
  options: { optimisation: Optimisation; tf32Off: boolean },
): NumericProfile {
  const common = [ANY_ORDER, EXACT_MOVES, TABLES, options.optimisation === 'disabled' ? AS_WRITTEN : REWRITES]
  switch (provider) {
    case 'cpu':
      return {
        name: 'f32-any-order',
        assumptions: [...common, "onnxruntime's CPU kernels use no bfloat16 fast-math mode (off by default)."],
      }
    case 'cuda':
      return {
        // What is not ensured is not assumed: then the proof pays for TF32, and little is certified.
        name: options.tf32Off ? 'cuda-f32' : 'cuda-tf32',
        assumptions: [
          ...common,
          options.tf32Off
            ? 'TF32 is off (NVIDIA_TF32_OVERRIDE=0 was set before CUDA loaded).'
            : 'TF32 may be on: this thread could not set NVIDIA_TF32_OVERRIDE=0 before CUDA loaded. Factors lose 13 of their 24 bits, sums are truncated.',
          'cuDNN picks no Winograd or FFT convolution, whose error is not bounded componentwise.',
          'No node runs on the CPU instead (fallback is disabled).',
        ],
      }
    case 'webgpu':
      return {
        name: 'webgpu-f32',
        assumptions: [
          ...common,
          'The adapter computes + - * in IEEE float32 and does not lower them to float16; a division is within the 2.5 ulp and a ' +
            'square root within the 4.5 ulp that WGSL allows, other functions within 160 times 2^-24.',
        ],
      }
  }
}
