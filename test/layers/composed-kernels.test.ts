import { beforeAll, describe, expect, it } from 'vitest'
import { columnSum } from '../../src/layers/kernels/column-sum.ts'
import { groupSort } from '../../src/layers/kernels/group-sort.ts'
import { maxMin } from '../../src/layers/kernels/max-min.ts'
import { windowNorm, windowSum } from '../../src/layers/kernels/window-pool.ts'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { startBackend } from '../../src/training/backend.ts'

const NAMES = ['LipGroupSort', 'LipMaxMin', 'LipWindowNorm', 'LipWindowSum', 'LipColumnSum']

interface Case {
  readonly name: string
  readonly shape: number[]
  readonly run: (x: tf.Tensor) => tf.Tensor
}

const window = { height: 2, width: 3 }
const CASES: readonly Case[] = [
  { name: 'groupSort 2', shape: [3, 4, 6], run: (x) => groupSort(x, 2, 1.5) },
  { name: 'groupSort 3', shape: [5, 6], run: (x) => groupSort(x, 3) },
  { name: 'groupSort 40', shape: [3, 40], run: (x) => groupSort(x, 40, 2) },
  { name: 'maxMin', shape: [3, 5], run: (x) => maxMin(x, 2) },
  { name: 'windowNorm', shape: [2, 5, 7, 3], run: (x) => windowNorm(x as tf.Tensor4D, window, 2, 1e-3) },
  { name: 'windowSum', shape: [2, 5, 7, 3], run: (x) => windowSum(x as tf.Tensor4D, window, 0.3) },
  { name: 'columnSum', shape: [2, 5, 7, 3], run: (x) => columnSum(x) },
]

function evaluate({ shape, run }: Case): number[][] {
  return tf.tidy(() => {
    const { normal } = randomStream(shape.length, shape[0]!)
    const x = tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, normal), shape)
    const y = run(x)
    const stream = randomStream(8)
    const cotangent = tf.tensor(
      Float32Array.from({ length: y.size }, () => stream.normal()),
      y.shape,
    )
    return [[...y.dataSync()], [...tf.grad(run)(x, cotangent).dataSync()]]
  }) as unknown as number[][]
}

/** Backends without our loops (tfjs-node, WebGPU) compose the same functions from standard operations. */
describe('composed operations equal the loops', () => {
  const loops = new Map<string, number[][]>()
  beforeAll(async () => {
    await startBackend('cpu')
    for (const c of CASES) loops.set(c.name, evaluate(c))
    for (const name of NAMES) tf.unregisterKernel(name, 'cpu')
  })

  for (const c of CASES) {
    it(c.name, () => {
      const composed = evaluate(c)
      const expected = loops.get(c.name)!
      composed.forEach((values, i) => {
        expect(values.length).toBe(expected[i]!.length)
        values.forEach((value, k) => {
          expect(value).toBeCloseTo(expected[i]![k]!, 4)
        })
      })
    })
  }
})

describe('ties, zeros and NaN', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  it('a tie keeps its order: the gradient is one permutation', () => {
    tf.tidy(() => {
      const gradient = tf.grad((x: tf.Tensor) => groupSort(x, 2))(
        tf.tensor2d([[1, 1, 2, 1]]),
        tf.tensor2d([[3, 5, 7, 9]]),
      )
      expect([...gradient.dataSync()]).toEqual([3, 5, 9, 7])
      const three = tf.grad((x: tf.Tensor) => groupSort(x, 3))(tf.tensor2d([[2, 1, 1]]), tf.tensor2d([[3, 5, 7]]))
      expect([...three.dataSync()]).toEqual([7, 3, 5])
    })
  })

  it('an all-zero window has norm 0 and gradient 0, also with eps 0', () => {
    tf.tidy(() => {
      for (const eps of [0, 1e-6]) {
        const pool = (x: tf.Tensor): tf.Tensor => windowNorm(x as tf.Tensor4D, { height: 2, width: 2 }, 1, eps)
        const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.sum(pool(x)))(tf.zeros([1, 2, 2, 1]))
        expect(value.dataSync()[0]).toBe(0)
        expect([...grad.dataSync()]).toEqual([0, 0, 0, 0])
      }
    })
  })

  it('NaN stays visible', () => {
    tf.tidy(() => {
      expect(
        groupSort(tf.tensor2d([[Number.NaN, 1]]), 2)
          .dataSync()
          .some(Number.isNaN),
      ).toBe(true)
    })
  })

  it("deel-lip's examples", () => {
    tf.tidy(() => {
      const image = tf.reshape(tf.range(0, 16), [1, 4, 4, 1]) as tf.Tensor4D
      const pooled = [...windowNorm(image, { height: 2, width: 2 }, 1, 1e-6).dataSync()]
      ;[6.4807405, 9.8994951, 21.4009342, 25.337719].forEach((value, i) => {
        expect(pooled[i]).toBeCloseTo(value, 5)
      })
      expect([...groupSort(tf.tensor2d([[4, 3, 2, 1]]), 2).dataSync()]).toEqual([3, 4, 1, 2])
      expect([...groupSort(tf.tensor2d([[4, 3, 2, 1]]), 4).dataSync()]).toEqual([1, 2, 3, 4])
    })
  })
})
