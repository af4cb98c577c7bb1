/**
 * Networks in closed form as victims: no onnxruntime, exact gradients, known distances.
 * @module
 */
import { type Box, createDomain } from '../../src/attacks/domain.ts'
import type { Batch } from '../../src/attacks/oracle.ts'
import type { Victim } from '../../src/attacks/victim.ts'

/** A function R^size -> R^classes with its vector-Jacobian product, in float64. */
export interface AnalyticNetwork {
  readonly dims: readonly number[]
  readonly classes: number
  readonly box?: Box
  forward(x: Float64Array): Float64Array
  /** J(x)^T u */
  pullback(x: Float64Array, u: Float64Array): Float64Array
}

/** z = W x + b. `weights[i]` is row i. */
export function affine(weights: readonly (readonly number[])[], bias: readonly number[], box?: Box): AnalyticNetwork {
  const size = weights[0]!.length
  return {
    dims: [size],
    classes: weights.length,
    ...(box && { box }),
    forward: (x) => Float64Array.from(weights, (row, i) => row.reduce((sum, w, j) => sum + w * x[j]!, bias[i]!)),
    pullback: (_, u) =>
      Float64Array.from({ length: size }, (_unused, j) => weights.reduce((sum, row, i) => sum + row[j]! * u[i]!, 0)),
  }
}

/** The victim of a network; logits and gradients are rounded to float32 at the border, as onnxruntime would. */
export function victimOf(
  network: AnalyticNetwork,
  options: {
    readonly capacity?: number
    readonly exact?: AnalyticNetwork['forward']
    readonly gradients?: boolean
    readonly onRun?: (batches: number) => void
  } = {},
): Victim & { readonly calls: { batches: number } } {
  const { classes, dims } = network
  const domain = createDomain(dims, classes, network.box)
  const { size } = domain
  const capacity = options.capacity ?? 32
  const calls = { batches: 0 }
  const row = (points: Float32Array, r: number) => Float64Array.from(points.subarray(r * size, (r + 1) * size))
  const make = (withGradient: boolean, capacity: number): Batch => {
    const batch: Batch = {
      rows: capacity,
      points: new Float32Array(capacity * size),
      fixed: new Float32Array(capacity * classes),
      exclude: new Float32Array(capacity * classes),
      runnerUp: new Float32Array(capacity),
      softmax: new Float32Array(capacity),
      logits: new Float32Array(capacity * classes),
      gradients: new Float32Array(withGradient ? capacity * size : 0),
      async run() {
        calls.batches++
        options.onRun?.(calls.batches)
        for (let r = 0; r < capacity; r++) {
          const x = row(batch.points, r)
          const z = network.forward(x)
          batch.logits.set(z, r * classes)
          if (withGradient) batch.gradients.set(network.pullback(x, cotangent(batch, r, z)), r * size)
        }
      },
    }
    return batch
  }
  const cotangent = (batch: Batch, r: number, z: Float64Array): Float64Array => {
    let top = 0
    const masked = z.map((value, i) => value + batch.exclude[r * classes + i]!)
    for (let i = 1; i < classes; i++) if (masked[i]! > masked[top]!) top = i
    const peak = Math.max(...z)
    const total = z.reduce((sum, value) => sum + Math.exp(value - peak), 0)
    return z.map(
      (value, i) =>
        batch.fixed[r * classes + i]! +
        (i === top ? batch.runnerUp[r]! : 0) +
        (batch.softmax[r]! * Math.exp(value - peak)) / total,
    )
  }
  const noGradient = options.gradients === false
  return {
    calls,
    domain,
    provider: 'analytic',
    oracle: {
      size,
      classes,
      capacity,
      gradient: noGradient ? undefined : async (rows) => make(true, rows),
      ...(noGradient && { reason: 'the test says so' }),
      logits: async (rows) => make(false, rows),
    },
    logits: async (point) => Float32Array.from(network.forward(Float64Array.from(point))),
    exactLogits: (point) => (options.exact ?? network.forward)(Float64Array.from(point)),
    release: async () => {},
  }
}
