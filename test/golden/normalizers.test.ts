import { beforeAll, describe, expect, it } from 'vitest'
import { reshapedKernelOrthogonalization } from '../../src/layers/normalizers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { type GoldenTensor, readGolden, relativeError, toTensor } from './golden.ts'

interface Case {
  readonly kernel: GoldenTensor
  readonly u: GoldenTensor
  readonly adjustmentCoef: number
  readonly epsSpectral: number
  readonly epsBjorck: number | null
  readonly betaBjorck: number | null
  readonly maxiterSpectral: number
  readonly maxiterBjorck: number
  readonly wbar: GoldenTensor
  readonly uOut: GoldenTensor
  readonly sigma: number
}

describe.each(['wasm', 'cpu'] as const)('reshaped-kernel orthogonalisation against deel-lip on %s', (backend) => {
  beforeAll(async () => {
    await startBackend(backend)
  }, 60_000)

  readGolden<Case>('reshaped-kernel-orthogonalization').forEach((c, i) => {
    it(`${i} [${c.kernel.shape}] beta ${c.betaBjorck}`, () => {
      tf.tidy(() => {
        const result = reshapedKernelOrthogonalization(
          toTensor(c.kernel),
          toTensor(c.u) as tf.Tensor2D,
          c.adjustmentCoef,
          { ...c, compat: 'deel-lip' },
        )
        expect(relativeError(result.wbar, c.wbar)).toBeLessThan(1e-5)
        expect(relativeError(result.u, c.uOut)).toBeLessThan(1e-5)
        expect(Math.abs(result.sigma.dataSync()[0]! - c.sigma)).toBeLessThan(1e-5 * c.sigma)
      })
    })
  })

  it('reproduces the vectors of the reference', () => {
    tf.tidy(() => {
      const kernel = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2])
      const weights = tf.tensor2d([1, 0, 0, 2, 3, 0], [3, 2])
      const options = {
        epsSpectral: 1e-3,
        epsBjorck: 1e-3,
        betaBjorck: 0.5,
        maxiterSpectral: 10,
        maxiterBjorck: 15,
        compat: 'deel-lip',
      } as const
      const u = tf.ones([1, 2]) as tf.Tensor2D
      const gradient = (epsBjorck: number | null) =>
        tf.grad((w: tf.Tensor) =>
          tf.sum(tf.mul(reshapedKernelOrthogonalization(w, u, 1, { ...options, epsBjorck }).wbar, weights)),
        )(kernel)
      const spectral = [0.0673071, -0.0477083, -0.0859852, 0.1010217, 0.1806031, -0.1701288]
      expect(relativeError(gradient(null), { shape: [3, 2], data: spectral })).toBeLessThan(1e-5)
      const full = [1.5406078, -1.0472724, -2.7521038, 2.2521646, 1.4861807, -1.2715522]
      // Eleven Björck steps on a matrix of condition 19 in float32.
      expect(relativeError(gradient(1e-3), { shape: [3, 2], data: full })).toBeLessThan(1e-4)
    })
  })
})
