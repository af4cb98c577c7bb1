import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  AOLConv2D,
  AOLDense,
  FrobeniusConv2D,
  FrobeniusDense,
  OrthoConv2D,
  type ReparametrisedLayer,
  SLLConv2D,
  SLLDense,
  SpectralConv2D,
  SpectralConv2DTranspose,
  SpectralDense,
} from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { startBackend } from '../../src/training/backend.ts'
import { convolutionMatrix, largestSingularValue, type Matrix, matrixOf, smallestSingularValue } from './linear-map.ts'

const SLACK = 1 + 1e-6

/** Kernels that break naive normalisations. */
const KERNELS = ['normal', 'box', 'rank one', 'zero', 'tiny', 'huge', 'one big entry', 'orthogonal-ish'] as const
type KernelKind = (typeof KERNELS)[number]

function kernelOf(kind: KernelKind, shape: readonly number[], seed: number): tf.Tensor {
  const { normal } = randomStream(seed)
  const size = shape.reduce((a, b) => a * b, 1)
  const last = shape.at(-1)!
  const column = Float32Array.from({ length: last }, normal)
  const row = Float32Array.from({ length: size / last }, normal)
  const entry: Record<KernelKind, (i: number) => number> = {
    normal: () => normal(),
    box: () => 1,
    'rank one': (i) => row[Math.floor(i / last)]! * column[i % last]!,
    zero: () => 0,
    tiny: () => 1e-12 * normal(),
    huge: () => 1e15 * normal(),
    'one big entry': (i) => (i === size - 1 ? 1000 : 1e-3 * normal()),
    'orthogonal-ish': (i) => (Math.floor(i / last) % last === i % last ? 1 : 1e-2 * normal()),
  }
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => entry[kind](i)),
    [...shape],
  )
}

/** Norm of the layer's linear part for both kinds of pass, on a fresh layer and after large training steps. */
function expectSound(
  layer: ReparametrisedLayer,
  input: number[],
  kind: KernelKind,
  seed: number,
  bound: number,
  matrix: (kernel: tf.Tensor) => Matrix,
): void {
  layer.build([null, ...input])
  layer.built = true
  const check = (when: string): void => {
    for (const training of [false, true]) {
      const weights = layer.effectiveWeights(training)
      const norm = largestSingularValue(matrix(weights.kernel))
      tf.dispose(Object.values(weights) as tf.Tensor[])
      expect(norm, `${when}, training ${training}`).toBeLessThanOrEqual(bound * SLACK)
    }
  }
  check('fresh')
  tf.tidy(() => (layer.kernel.read() as tf.Variable).assign(kernelOf(kind, layer.kernel.shape as number[], seed)))
  check(kind)
  const optimizer = tf.train.sgd(0.5)
  for (let step = 0; step < 2; step++) {
    const { uniform } = randomStream(seed, step)
    tf.tidy(() => {
      const size = input.reduce((a, b) => a * b, 1)
      const x = tf.tensor(
        Float32Array.from({ length: 2 * size }, () => uniform() - 0.5),
        [2, ...input],
      )
      const variables = layer.trainableWeights.map((w) => w.read() as tf.Variable)
      // Grows the outputs: training against the bound.
      optimizer.minimize(
        () => tf.neg(tf.mean(tf.square(layer.apply(x, { training: true }) as tf.Tensor))) as tf.Scalar,
        false,
        variables,
      )
    })
    if (kind !== 'huge' && kind !== 'zero') check(`step ${step}`)
  }
  optimizer.dispose()
  layer.weights.forEach((w) => {
    w.dispose()
  })
}

const kinds = fc.constantFrom(...KERNELS)
const seeds = fc.integer({ min: 0, max: 2 ** 31 })
const factors = fc.constantFrom(1, 1, 0.5, 3)
const small = fc.integer({ min: 1, max: 5 })
const size = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }))
const kernelSize = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
const strides = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }))
const bjorck = fc.constantFrom<{
  epsBjorck?: null
  betaBjorck?: number
  maxiterBjorck?: number
  maxiterSpectral?: number
}>(
  {},
  {},
  { epsBjorck: null },
  { betaBjorck: 0.25 },
  { betaBjorck: 0.4, maxiterBjorck: 3 },
  { maxiterBjorck: 1 },
  { maxiterBjorck: 0 },
  { maxiterSpectral: 1 },
  { maxiterBjorck: 40 },
)
const runs = (numRuns: number) => ({ numRuns: process.env.LIP_ONNX_SLOW ? 10 * numRuns : numRuns, seed: 1 })

describe('strict layers are Lipschitz with the constant that they claim', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('SpectralDense', () => {
    const width = fc.integer({ min: 1, max: 60 })
    fc.assert(
      fc.property(width, width, kinds, seeds, factors, bjorck, (inputs, units, kind, seed, k, options) => {
        const layer = new SpectralDense({ units, kCoefLip: k, seed, ...options })
        expectSound(layer, [inputs], kind, seed, k, matrixOf)
      }),
      runs(40),
    )
  })

  it('SpectralDense at the size of the demo', () => {
    expectSound(new SpectralDense({ units: 64, kernelInitializer: 'orthogonal' }), [1568], 'normal', 1, 1, matrixOf)
  })

  it('SpectralConv2D', () => {
    fc.assert(
      fc.property(
        size,
        kernelSize,
        strides,
        small,
        fc.integer({ min: 1, max: 12 }),
        kinds,
        seeds,
        factors,
        bjorck,
        (hw, ks, st, cin, filters, kind, seed, k, options) => {
          const layer = new SpectralConv2D({ filters, kernelSize: ks, strides: st, kCoefLip: k, seed, ...options })
          expectSound(layer, [...hw, cin], kind, seed, k, (kernel) => convolutionMatrix(kernel, hw, st))
        },
      ),
      runs(40),
    )
  })

  it('SpectralConv2DTranspose, the transpose of a convolution', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
        kernelSize,
        strides,
        small,
        small,
        kinds,
        seeds,
        factors,
        (hw, ks, st, cin, filters, kind, seed, k) => {
          const layer = new SpectralConv2DTranspose({ filters, kernelSize: ks, strides: st, kCoefLip: k, seed })
          const output: [number, number] = [hw[0] * st[0], hw[1] * st[1]]
          expectSound(layer, [...hw, cin], kind, seed, k, (kernel) => convolutionMatrix(kernel, output, st))
        },
      ),
      runs(25),
    )
  })

  it('FrobeniusConv2D', () => {
    fc.assert(
      fc.property(size, kernelSize, small, small, kinds, seeds, factors, (hw, ks, cin, filters, kind, seed, k) => {
        const layer = new FrobeniusConv2D({ filters, kernelSize: ks, kCoefLip: k, seed })
        expectSound(layer, [...hw, cin], kind, seed, k, (kernel) => convolutionMatrix(kernel, hw, [1, 1]))
      }),
      runs(25),
    )
  })

  it('FrobeniusDense: the whole, or each output', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        small,
        kinds,
        seeds,
        factors,
        fc.boolean(),
        (inputs, units, kind, seed, k, disjoint) => {
          const layer = new FrobeniusDense({ units, kCoefLip: k, seed, disjointNeurons: disjoint })
          expectSound(layer, [inputs], kind, seed, k, (kernel) => {
            const whole = matrixOf(kernel)
            if (!disjoint) return whole
            const norms = Array.from({ length: units }, (_, j) =>
              Math.hypot(...Array.from({ length: inputs }, (_, i) => whole.data[i * units + j]!)),
            )
            return { rows: 1, columns: 1, data: Float64Array.of(Math.max(...norms)) }
          })
        },
      ),
      runs(30),
    )
  })

  it('AOLDense and AOLConv2D', () => {
    fc.assert(
      fc.property(
        size,
        kernelSize,
        strides,
        small,
        small,
        kinds,
        seeds,
        factors,
        (hw, ks, st, cin, filters, kind, seed, k) => {
          expectSound(new AOLDense({ units: filters, kCoefLip: k, seed }), [cin * 4], kind, seed, k, matrixOf)
          const layer = new AOLConv2D({ filters, kernelSize: ks, strides: st, kCoefLip: k, seed })
          expectSound(layer, [...hw, cin], kind, seed, k, (kernel) => convolutionMatrix(kernel, hw, st))
        },
      ),
      runs(20),
    )
  })

  it('SLLDense and SLLConv2D: ||W|| <= 1', () => {
    fc.assert(
      fc.property(size, kernelSize, small, small, kinds, seeds, (hw, ks, cin, filters, kind, seed) => {
        expectSound(new SLLDense({ units: filters, seed }), [cin * 3], kind, seed, 1, matrixOf)
        const layer = new SLLConv2D({ filters, kernelSize: ks, seed })
        expectSound(layer, [...hw, cin], kind, seed, 1, (kernel) => convolutionMatrix(kernel, hw, [1, 1]))
      }),
      runs(15),
    )
  })

  it('OrthoConv2D with zero and circular padding', () => {
    const geometry = fc.constantFrom<[number, number]>([1, 1], [2, 1], [3, 1], [4, 1], [2, 2], [3, 2], [4, 2], [3, 3])
    fc.assert(
      fc.property(geometry, small, small, kinds, seeds, fc.boolean(), ([k, s], cin, filters, kind, seed, circular) => {
        const layer = new OrthoConv2D({
          filters,
          kernelSize: k,
          strides: s,
          seed,
          padding: circular ? 'circular' : 'same',
        })
        expectSound(layer, [6, 6, cin], kind, seed, 1, (kernel) => convolutionMatrix(kernel, [6, 6], [s, s], circular))
      }),
      runs(15),
    )
  })

  it('OrthoConv2D is orthogonal with circular padding', () => {
    for (const [k, s, cin, filters] of [
      [3, 1, 4, 4],
      [3, 1, 2, 5],
      [3, 1, 5, 2],
      [2, 2, 2, 8],
      [4, 2, 3, 12],
      [3, 2, 4, 4],
    ] as const) {
      const layer = new OrthoConv2D({ filters, kernelSize: k, strides: s, seed: 3 })
      layer.build([null, 6, 6, cin])
      const { kernel } = layer.effectiveWeights(false)
      const matrix = convolutionMatrix(kernel, [6, 6], [s, s], true)
      expect(smallestSingularValue(matrix), `${k} ${s} ${cin} ${filters}`).toBeGreaterThan(1 - 1e-3)
      expect(largestSingularValue(matrix)).toBeLessThanOrEqual(SLACK)
    }
  })

  it('has teeth: the deel-lip coefficient fails the same check', () => {
    const layer = new SpectralConv2D({ filters: 9, kernelSize: 3, kernelInitializer: 'orthogonal', compat: 'deel-lip' })
    layer.build([null, 9, 9, 1])
    const { kernel } = layer.effectiveWeights(true)
    expect(largestSingularValue(convolutionMatrix(kernel, [9, 9], [1, 1]))).toBeGreaterThan(1.05)
  })
})
