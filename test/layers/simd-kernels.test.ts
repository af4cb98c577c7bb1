/**
 * Machine code of the wasm backend against the loops in float64 of the cpu backend, over shapes that fill vectors and shapes that
 * do not.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { columnSum } from '../../src/layers/kernels/column-sum.ts'
import {
  type ConvGeometry,
  conv2d,
  conv2dFilterGradient,
  filterGradientByPatches,
  NO_PADDING,
} from '../../src/layers/kernels/conv2d.ts'
import { filterGradient } from '../../src/layers/kernels/filter-gradient.ts'
import { groupSort } from '../../src/layers/kernels/group-sort.ts'
import { matMul } from '../../src/layers/kernels/mat-mul.ts'
import { HAS_SIMD, simdFunction } from '../../src/layers/kernels/simd-function.ts'
import { canSortAndPool, sortedWindowNorm } from '../../src/layers/kernels/sorted-window-norm.ts'
import { windowNorm, windowSum } from '../../src/layers/kernels/window-pool.ts'
import * as tf from '../../src/layers/tf.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { startBackend } from '../../src/training/backend.ts'
import { assemble, constant, get, load, plus } from '../../src/webassembly/assemble.ts'

beforeAll(async () => {
  await startBackend('cpu')
  await startBackend('wasm')
})

const noise = (shape: readonly number[], seed: number): Float32Array => {
  const stream = randomStream(seed)
  // Some equal neighbours and some zeros.
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.round(8 * stream.normal()) / 4)
}

/** Output and gradients of a function on a backend. */
async function on(
  backend: string,
  shapes: readonly number[][],
  f: (...x: tf.Tensor[]) => tf.Tensor,
): Promise<number[][]> {
  await tf.setBackend(backend)
  return tf.tidy(() => {
    const inputs = shapes.map((shape, i) => tf.tensor(noise(shape, i + 1), shape))
    const y = f(...inputs)
    const gradients = tf.grads(f)(inputs, tf.tensor(noise(y.shape, 9), y.shape))
    return [y, ...gradients].map((tensor) => [...tensor.dataSync()])
  }) as unknown as number[][]
}

async function expectSame(shapes: readonly number[][], f: (...x: tf.Tensor[]) => tf.Tensor): Promise<void> {
  const expected = await on('cpu', shapes, f)
  const actual = await on('wasm', shapes, f)
  expected.forEach((values, i) => {
    expect(actual[i]!.length).toBe(values.length)
    const scale = Math.max(1, ...values.map(Math.abs))
    values.forEach((value, k) => {
      expect(Math.abs(actual[i]![k]! - value)).toBeLessThan(1e-5 * scale)
    })
  })
}

const size = (max: number) => fc.integer({ min: 1, max })
const images = fc.tuple(size(3), size(7), size(7), size(9)).map(([b, h, w, c]) => [b, h, w, c % 2 === 0 ? 2 * c : c])
const runs = { numRuns: 30 }

describe('machine code and loops agree', () => {
  it('sorting pairs, forward and backward', async () => {
    const even = fc.tuple(size(5), size(9)).map(([b, c]) => [b, 2 * c])
    await fc.assert(
      fc.asyncProperty(even, fc.constantFrom(1, 0.7), (shape, factor) =>
        expectSame([shape], (x) => groupSort(x!, 2, factor)),
      ),
      runs,
    )
  })

  it.each([
    ['norms', (x: tf.Tensor4D, height: number, width: number) => windowNorm(x, { height, width }, 1.5, 1e-3)],
    ['sums', (x: tf.Tensor4D, height: number, width: number) => windowSum(x, { height, width }, 0.3)],
  ])('%s of windows, complete or not', async (_, pool) => {
    await fc.assert(
      fc.asyncProperty(images, size(3), size(3), (shape, height, width) => {
        fc.pre(shape[1]! >= height && shape[2]! >= width)
        return expectSame([shape], (x) => pool(x as tf.Tensor4D, height, width))
      }),
      runs,
    )
  })

  it('sorting pairs and norms of windows in one pass: the same bits as one after the other', async () => {
    await tf.setBackend('wasm')
    const shapes = fc.tuple(
      size(3),
      size(7),
      size(7),
      size(3).map((c) => 4 * c),
    )
    fc.assert(
      fc.property(shapes, size(3), size(3), fc.constantFrom(1, 0.7), (shape, height, width, sortFactor) => {
        fc.pre(canSortAndPool(shape, { height, width }))
        const both = (x: tf.Tensor) =>
          sortedWindowNorm(x as tf.Tensor4D, { height, width, sortFactor, factor: 1.5, eps: 1e-3 })
        const single = (x: tf.Tensor) =>
          windowNorm(groupSort(x as tf.Tensor4D, 2, sortFactor), { height, width }, 1.5, 1e-3)
        const values = (f: (x: tf.Tensor) => tf.Tensor) =>
          tf.tidy(() => {
            const x = tf.tensor(noise(shape, 1), shape)
            const y = f(x)
            const gradient = tf.grad(f)(x, tf.tensor(noise(y.shape, 9), y.shape))
            return [[...y.dataSync()], [...gradient.dataSync()]] as unknown as tf.Tensor[]
          })
        expect(values(both)).toEqual(values(single))
      }),
      runs,
    )
  })

  it('sums of columns', async () => {
    await fc.assert(
      fc.asyncProperty(images, (shape) => expectSame([shape], (x) => columnSum(x!))),
      runs,
    )
  })

  it('products of matrices and their gradients', async () => {
    await fc.assert(
      fc.asyncProperty(size(9), size(9), size(12), (a, b, c) =>
        expectSame(
          [
            [a, b],
            [b, c],
          ],
          (x, y) => matMul(x as tf.Tensor2D, y as tf.Tensor2D),
        ),
      ),
      runs,
    )
  })

  it.each([
    [5, 256, 16],
    [7, 257, 8],
    [3, 513, 12],
    [2, 700, 20],
  ])('products of deep matrices: %i x %i by %i', async (m, k, n) => {
    await expectSame(
      [
        [m, k],
        [k, n],
      ],
      (x, y) => matMul(x as tf.Tensor2D, y as tf.Tensor2D),
    )
  })

  it('filter gradients of every geometry, by code, by loops and by patches', async () => {
    const border = fc.integer({ min: 0, max: 2 })
    await fc.assert(
      fc.asyncProperty(
        images,
        fc.tuple(size(4), size(4)),
        fc.tuple(size(3), size(3)),
        fc.tuple(border, border, border, border),
        size(10),
        async (shape, kernelSize, strides, [top, bottom, left, right], cout) => {
          const geometry: ConvGeometry = { strides, padding: { top, bottom, left, right } }
          const outputs = [shape[1]! + top + bottom, shape[2]! + left + right].map(
            (n, i) => Math.floor((n - kernelSize[i]!) / strides[i]!) + 1,
          )
          fc.pre(outputs.every((n) => n > 0))
          const dyShape = [shape[0]!, ...outputs, cout]
          const compute = (backend: string, f: typeof conv2dFilterGradient) =>
            tf.setBackend(backend).then(() =>
              tf.tidy(() => {
                const x = tf.tensor4d(noise(shape, 1), shape as [number, number, number, number])
                const dy = tf.tensor4d(noise(dyShape, 2), dyShape as [number, number, number, number])
                return [...f(x, dy, geometry, kernelSize).dataSync()]
              }),
            ) as unknown as Promise<number[]>
          const expected = await compute('cpu', filterGradient)
          const scale = Math.max(1, ...expected.map(Math.abs))
          for (const f of [conv2dFilterGradient, filterGradient, filterGradientByPatches]) {
            const actual = await compute('wasm', f)
            actual.forEach((value, i) => {
              expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5 * scale)
            })
          }
        },
      ),
      runs,
    )
  })
})

describe('convolutions by patches', () => {
  const border = fc.integer({ min: 0, max: 3 })

  it('of every geometry agree with the definition, and so do their gradients', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(size(2), size(9), size(9), size(5)),
        fc.tuple(size(5), size(5)),
        fc.tuple(size(3), size(3)),
        fc.tuple(border, border, border, border),
        fc.tuple(size(6), fc.constantFrom(1, 4)),
        fc.boolean(),
        async ([b, h, w, cin], [kh, kw], strides, [top, bottom, left, right], [count, vector], biased) => {
          fc.pre(h + top + bottom >= kh && w + left + right >= kw)
          const geometry: ConvGeometry = { strides, padding: { top, bottom, left, right } }
          const cout = count * vector
          const convolution = (x: tf.Tensor, filter: tf.Tensor, bias?: tf.Tensor): tf.Tensor =>
            conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, geometry, bias as tf.Tensor1D | undefined)
          const shapes = [[b, h, w, cin], [kh, kw, cin, cout], ...(biased ? [[cout]] : [])]
          await expectSame(shapes, convolution as (...x: tf.Tensor[]) => tf.Tensor)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('convolutions whose last window ends before the image begins', () => {
  it.each([
    { size: [1, 4], kernel: [2, 1], strides: [3, 1], padding: { top: 3, bottom: 0, left: 0, right: 0 } },
    { size: [4, 1], kernel: [1, 2], strides: [1, 3], padding: { top: 0, bottom: 0, left: 3, right: 0 } },
  ] as const)('$size, padded by $padding', async ({ size: [h, w], kernel, strides, padding }) => {
    const convolution = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
      conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, { strides, padding })
    await expectSame(
      [
        [2, h, w, 3],
        [...kernel, 3, 4],
      ],
      convolution as (...x: tf.Tensor[]) => tf.Tensor,
    )
  })
})

describe('convolutions that are nearly those of tiles', () => {
  it.each([
    { kernel: [3, 3], strides: [1, 2], channels: [4, 4] },
    { kernel: [3, 3], strides: [2, 1], channels: [4, 4] },
    { kernel: [3, 2], strides: [1, 1], channels: [4, 4] },
    { kernel: [2, 3], strides: [1, 1], channels: [4, 4] },
    { kernel: [3, 3], strides: [1, 1], channels: [2, 4] },
    { kernel: [3, 3], strides: [1, 1], channels: [4, 2] },
    { kernel: [3, 3], strides: [1, 1], channels: [6, 8] },
  ] as const)('$kernel, strides $strides, channels $channels', async ({ kernel, strides, channels }) => {
    const padding = { top: 1, bottom: 1, left: 1, right: 1 }
    const convolution = (x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
      conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, { strides, padding })
    const shapes = [
      [2, 7, 8, channels[0]],
      [...kernel, ...channels],
    ]
    await expectSame(shapes, convolution as (...x: tf.Tensor[]) => tf.Tensor)
  })

  it('refuses a filter of other channels', async () => {
    await tf.setBackend('wasm')
    const [x, filter] = [tf.zeros([1, 5, 5, 4]), tf.zeros([3, 3, 8, 4])] as [tf.Tensor4D, tf.Tensor4D]
    expect(() => conv2d(x, filter, { strides: [1, 1], padding: NO_PADDING })).toThrow(/do not agree/)
    tf.dispose([x, filter])
  })
})

describe('3 x 3 convolutions by tiles', () => {
  const border = fc.integer({ min: 0, max: 3 })
  const four = (max: number) => size(max).map((c) => 4 * c)
  const convolution =
    (padding: ConvGeometry['padding']) =>
    (x: tf.Tensor, filter: tf.Tensor, bias?: tf.Tensor): tf.Tensor =>
      conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, { strides: [1, 1], padding }, bias as tf.Tensor1D | undefined)

  it('agree with the definition, and so do all their gradients', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(size(3), size(17), size(17)),
        fc.tuple(four(6), four(11)),
        fc.tuple(border, border, border, border),
        fc.boolean(),
        async ([b, h, w], [cin, cout], [top, bottom, left, right], biased) => {
          fc.pre(h + top + bottom >= 3 && w + left + right >= 3)
          const shapes = [[b, h, w, cin], [3, 3, cin, cout], ...(biased ? [[cout]] : [])]
          await expectSame(shapes, convolution({ top, bottom, left, right }) as (...x: tf.Tensor[]) => tf.Tensor)
        },
      ),
      runs,
    )
  })

  it('of several blocks of tiles, the last one shorter and odd', async () => {
    const same = { top: 1, bottom: 1, left: 1, right: 1 }
    for (const [h, w] of [
      [33, 14],
      [23, 23],
      [6, 65],
    ] as const) {
      await expectSame([[2, h, w, 8], [3, 3, 8, 64], [64]], convolution(same) as (...x: tf.Tensor[]) => tf.Tensor)
    }
  })
})

describe('sorting pairs in vectors', () => {
  it('keeps ties and NaN as the loops do', async () => {
    await tf.setBackend('wasm')
    tf.tidy(() => {
      const sort = (x: tf.Tensor): tf.Tensor => groupSort(x, 2)
      const x = tf.tensor1d([1, 1, 2, 1, Number.NaN, 1, 1, Number.NaN])
      expect([...sort(x).dataSync()]).toEqual([1, 1, 1, 2, Number.NaN, 1, 1, Number.NaN])
      const gradient = tf.grad(sort)(x, tf.tensor1d([3, 5, 7, 9, 11, 13, 15, 17]))
      expect([...gradient.dataSync()]).toEqual([3, 5, 9, 7, 11, 13, 15, 17])
    })
  })

  it('an all-zero window has norm 0 and gradient 0, also with eps 0', async () => {
    await tf.setBackend('wasm')
    tf.tidy(() => {
      const pool = (x: tf.Tensor): tf.Tensor => windowNorm(x as tf.Tensor4D, { height: 2, width: 2 }, 1, 0)
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.sum(pool(x)))(tf.zeros([1, 2, 2, 4]))
      expect(value.dataSync()[0]).toBe(0)
      expect([...grad.dataSync()]).toEqual(Array(16).fill(0))
    })
  })
})

describe('the assembler', () => {
  const memory = new WebAssembly.Memory({ initial: 1 })
  const floats = new Float32Array(memory.buffer)

  it('runs on this machine', () => {
    expect(HAS_SIMD).toBe(true)
  })

  it('writes numbers of every length, loops of every kind, and stores where it is told', () => {
    floats.set([1, 2, 3, 4])
    for (const offset of [64, 127, 128, 1000, 16384, 65000].map((n) => 4 * Math.floor(n / 4))) {
      for (const times of [1, 2, 63, 64, 130]) {
        const key = `${offset} ${times}`
        const run = simdFunction(memory, key, () =>
          assemble(2, (code, from, count) => {
            const to = code.i32()
            code.set(to, constant(offset - 64 * times))
            code.repeat(times, () => code.advance(to, 64))
            code.repeat(count, () => code.advance(to, -16))
            code.repeat(0, () => code.advance(to, 1))
            code.store(to, 32, load(from, 0))
            code.set(to, plus(get(to), constant(0)))
          }),
        )
        floats.fill(0, 4)
        run(0, 2)
        expect([...floats.subarray(offset / 4, offset / 4 + 4)], key).toEqual([1, 2, 3, 4])
        expect(floats.reduce((a, b) => a + b, 0)).toBe(20)
      }
    }
  })
})
