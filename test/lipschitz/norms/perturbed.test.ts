/** How bounds of stored operators become bounds of the operators that are meant. */
import { describe, expect, it } from 'vitest'
import {
  absoluteNorm,
  addIdentity,
  composeConvolutions,
  composeMatrices,
  encloseCircular,
  encloseStructure,
  outputSize,
  scaleOutputChannels,
} from '../../../src/lipschitz/norms/index.ts'
import { distanceTo, largest, rootDown, rootUp, widen } from '../../../src/lipschitz/norms/perturbed.ts'
import type { LinearStructure } from '../../../src/ops/operator.ts'
import { convolution, denseOperator } from './dense-operator.ts'

const array = (dims: readonly number[], data: readonly number[], relativeError?: number) => ({
  type: 'float64' as const,
  dims,
  data: Float64Array.from(data),
  ...(relativeError === undefined ? {} : { relativeError }),
})

describe('widening', () => {
  it('moves both sides outward by at least the distance, however small', () => {
    const tiny = widen({ lower: 1, upper: 1, method: 'test' }, 2 ** -60)
    expect(tiny.lower).toBeLessThan(1)
    expect(tiny.upper).toBeGreaterThan(1)
    const wide = widen({ lower: 1, upper: 2, method: 'test' }, 3)
    expect(wide.lower).toBe(0)
    expect(wide.upper).toBeGreaterThanOrEqual(5)
    expect(widen({ lower: 0, upper: 0, method: 'test' }, 0)).toEqual({ lower: 0, upper: 0, method: 'test' })
  })

  it('distances: relative part, absolute part, both', () => {
    expect(distanceTo(0, 7)).toBe(0)
    expect(distanceTo(0, 7, 2)).toBe(2)
    expect(distanceTo(0.25, 8, 1)).toBeGreaterThanOrEqual(3)
    expect(distanceTo(2 ** -30, 2 ** -20, 1)).toBeGreaterThan(1 + 2 ** -51)
  })

  it('roots, in integers', () => {
    const units = (x: number) => BigInt(x * 2 ** 60)
    for (const x of [2, 3, 5, 7, 10, 0.1, 1.7]) {
      const square = BigInt(Math.round(x * 2 ** 56)) << 64n
      expect(units(rootUp(x)) ** 2n >= square).toBe(true)
      expect(units(rootDown(x)) ** 2n <= square).toBe(true)
    }
    for (const x of [1, 4, 9]) {
      expect(rootUp(x)).toBeGreaterThan(Math.sqrt(x))
      expect(rootDown(x)).toBeLessThan(Math.sqrt(x))
    }
    expect([rootUp(0), rootDown(0)]).toEqual([0, 0])
  })

  it('of several norms, the largest upper and the largest lower side', () => {
    const parts = [
      { lower: 3, upper: 4, method: 'a' },
      { lower: 1, upper: 5, method: 'b' },
    ]
    expect(largest(parts)).toEqual({ lower: 3, upper: 5, method: 'b' })
    expect(largest([...parts].reverse())).toEqual({ lower: 3, upper: 5, method: 'b' })
  })
})

describe('perturbations and errors of single structures', () => {
  it('enter the norm and the absolute norm', () => {
    const one = array([1, 1], [2])
    const structures: readonly (readonly [LinearStructure, number])[] = [
      [{ kind: 'matrix', matrix: one, perturbation: 0.5 }, 2.5],
      [{ kind: 'matrix', matrix: array([1, 1], [0]), perturbation: 0.5 }, 0.5],
      // Where the perturbation is the larger part its sum rounds.
      [{ kind: 'matrix', matrix: array([1, 1], [2 ** -60]), perturbation: 1 }, 1 + 2 ** -52],
      [{ kind: 'kronecker', factors: [one, one], perturbations: [0.5, 1] }, 7.5],
      [{ ...convolution([1, 1, 1], [2], [4]), perturbation: 0.5 }, 2.5],
      // It reads nothing but padding.
      [{ ...convolution([1, 1, 1], [2], [4], { padsBegin: [5], padsEnd: [-4] }), perturbation: 0.5 }, 0.5],
      [{ kind: 'matrix', matrix: array([1, 1], [3], 0.25), perturbation: 1 }, 5],
      [{ ...convolution([1, 1, 1], [3], [4]), weights: array([1, 1, 1], [3], 0.25) }, 4],
      [{ kind: 'blocks', blocks: [one, array([1, 1], [3], 0.25)] }, 4],
      [{ kind: 'kronecker', factors: [one, array([1, 1], [3], 0.25)] }, 8],
    ]
    for (const [structure, least] of structures) {
      expect(encloseStructure(structure).upper, JSON.stringify(structure)).toBeGreaterThanOrEqual(least)
      expect(absoluteNorm(structure), JSON.stringify(structure)).toBeGreaterThanOrEqual(least)
    }
    // Of a convolution with groups, the group that is largest.
    for (const data of [
      [1, 10],
      [10, 1],
    ]) {
      const grouped = { ...convolution([2, 1, 1], [1, 1], [4], { groups: 2 }), weights: array([2, 1, 1], data, 0.1) }
      expect(encloseStructure(grouped).upper).toBeGreaterThanOrEqual(10 / 0.9)
    }
    const { lower } = encloseStructure({ kind: 'kronecker', factors: [one, one], perturbations: [0.5, 1] })
    expect(lower).toBeLessThanOrEqual(1.5 * 1)
    expect(lower).toBeGreaterThan(1.49)
  })

  it('enter the norm of a periodic convolution', () => {
    const wrapped = convolution([1, 1, 2], [1, 1], [3], { padsEnd: [1] })
    const plain = encloseCircular(wrapped)!
    const perturbed = encloseCircular({ ...wrapped, perturbation: 0.5 })!
    expect(perturbed.upper).toBeGreaterThanOrEqual(plain.upper + 0.5)
    expect(perturbed.lower).toBeLessThanOrEqual(plain.lower - 0.5)
    const inexact = encloseCircular({ ...wrapped, weights: { ...wrapped.weights, relativeError: 0.2 } })!
    expect(inexact.upper).toBeGreaterThanOrEqual(2.5)
    expect(inexact.lower).toBeLessThanOrEqual(2 / 1.2)
    expect(encloseCircular({ ...wrapped, weights: array([1, 1, 2], [Number.NaN, 1]) })).toMatchObject({
      lower: 0,
      upper: Number.POSITIVE_INFINITY,
    })
  })

  it('grow with the factors of channels, at their largest', () => {
    const perturbed = { ...convolution([2, 1, 1], [1, 1], [4]), perturbation: 0.5 }
    const scaled = scaleOutputChannels(perturbed, array([2], [2, -3], 0.25))!
    expect(scaled.perturbation).toBeGreaterThanOrEqual((0.5 * 3) / 0.75)
    // Not even where the product underflows is it 0.
    const small = { ...convolution([1, 1, 1], [0], [4]), perturbation: 2 ** -1000 }
    expect(scaleOutputChannels(small, array([1], [2 ** -100]))!.perturbation).toBeGreaterThan(0)
    const inexact = { ...convolution([1, 1, 1], [1], [4]), weights: array([1, 1, 1], [1], 0.1) }
    expect(scaleOutputChannels(inexact, array([1], [2]))!.weights.relativeError).toBeGreaterThanOrEqual(0.1)
    expect(scaleOutputChannels(inexact, array([1], [2], 0.1))!.weights.relativeError).toBeGreaterThanOrEqual(0.21)
  })

  it('stay with a multiple of the identity, whose own error is relative to what was there', () => {
    const inexact = { ...convolution([1, 1, 1], [3], [4]), weights: array([1, 1, 1], [3], 0.25), perturbation: 1 }
    // The stored 3 may be 4, so 3 - 3 may be 1; a perturbation of 1 comes on top.
    expect(encloseStructure(addIdentity(inexact, -3)!).upper).toBeGreaterThanOrEqual(2)
    const exact = { ...convolution([1, 1, 1], [3], [4]), perturbation: 1 }
    expect(addIdentity(exact, 1)!.perturbation).toBe(1)
  })

  it('multiply in compositions, each with the other operator', () => {
    const first = { ...convolution([1, 1, 1], [100], [4]), perturbation: 0.5 }
    const second = { ...convolution([1, 1, 1], [2], [4]), perturbation: 0.25 }
    expect(encloseStructure(composeConvolutions(first, second)!).upper).toBeGreaterThanOrEqual(100.5 * 2.25)
    expect(composeConvolutions(first, { ...second, perturbation: 0 })!.perturbation).toBeGreaterThanOrEqual(1)
    expect(composeConvolutions(first, { ...second, perturbation: 0 })!.perturbation).toBeLessThan(1.01)
    const third = { ...convolution([1, 1, 1], [2], [4]), weights: array([1, 1, 1], [2], 0.25) }
    expect(encloseStructure(composeConvolutions(first, third)!).upper).toBeGreaterThanOrEqual((100.5 * 2) / 0.75)
    const [p, q] = [
      { kind: 'matrix', matrix: array([1, 1], [100]), perturbation: 0.5 },
      { kind: 'matrix', matrix: array([1, 1], [2], 0.25) },
    ] as const
    expect(encloseStructure(composeMatrices(p, q)!).upper).toBeGreaterThanOrEqual((100.5 * 2) / 0.75)
  })
})

it('errors of the elements of a composed kernel add up over rows, columns and taps', () => {
  const e = 0.125
  for (const [out, inputs, taps] of [
    [1, 16, 1],
    [16, 1, 1],
    [4, 4, 1],
    [1, 1, 9],
    [3, 4, 2],
  ] as const) {
    const first = convolution([inputs, inputs, 1], identity(inputs), [40])
    const second = convolution([out, inputs, taps], new Float64Array(out * inputs * taps).fill(1), [40])
    const inexact = { ...second, weights: { ...second.weights, relativeError: e } }
    const joint = composeConvolutions(first, inexact)!
    // e / (1 - e) in every element of a kernel of equal numbers.
    const least = (e / (1 - e)) * Math.sqrt(out * inputs) * taps
    expect(joint.perturbation, `${out} ${inputs} ${taps}`).toBeGreaterThanOrEqual(least * (1 - 1e-15))
  }

  function identity(n: number): Float64Array {
    return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0))
  }
})

it('a crop between strided convolutions moves the composed kernel by whole strides', () => {
  const first = convolution([1, 1, 3], [1, 5, 2], [9], { strides: [2], padsBegin: [3], padsEnd: [2] })
  const outputs = 6
  const second = convolution([1, 1, 2], [1, -3], [outputs], { padsBegin: [-2] })
  const joint = composeConvolutions(first, second)!
  const [a, b] = [denseOperator(first), denseOperator(second)]
  const truth = new Float64Array(b.rows * a.columns)
  for (let i = 0; i < b.rows; i++)
    for (let k = 0; k < b.columns; k++)
      for (let j = 0; j < a.columns; j++)
        truth[i * a.columns + j] += b.data[i * b.columns + k]! * a.data[k * a.columns + j]!
  expect(denseOperator(joint)).toEqual({ rows: b.rows, columns: a.columns, data: truth })
})

describe('what is refused', () => {
  it('a second convolution that reads padding on either side', () => {
    const first = convolution([1, 1, 3], [1, 1, 1], [8], { padsBegin: [1], padsEnd: [1] })
    for (const pads of [{ padsBegin: [1] }, { padsEnd: [1] }])
      expect(composeConvolutions(first, convolution([1, 1, 3], [1, 1, 1], [8], pads))).toBeUndefined()
    // Padding that no window reaches is none.
    const skipped = convolution([1, 1, 2], [1, 1], [8], { padsEnd: [1], strides: [2] })
    expect(composeConvolutions(first, skipped)).toBeDefined()
  })

  it('a multiple of the identity where no tap lies on the diagonal', () => {
    const kernel = (rest: Parameters<typeof convolution>[3], size = 5) =>
      addIdentity(convolution([1, 1, 3], [1, 2, 3], [size], rest), 1)
    expect(kernel({ padsBegin: [1], padsEnd: [1] })).toBeDefined()
    expect(kernel({ padsBegin: [2], padsEnd: [0] })).toBeDefined()
    expect(kernel({ padsBegin: [-1], padsEnd: [3] })).toBeUndefined()
    expect(kernel({ padsBegin: [3], padsEnd: [-1] })).toBeUndefined()
    expect(kernel({ padsBegin: [1], padsEnd: [3], dilations: [2] })).toBeUndefined()
    expect(kernel({ padsBegin: [2], padsEnd: [2], strides: [2] }, 3)).toBeUndefined()
    const taller = convolution([2, 1, 3], [1, 2, 3, 4, 5, 6], [5], { padsBegin: [1], padsEnd: [1] })
    expect(addIdentity(taller, 1)).toBeUndefined()
  })
})

it('outputs are counted on the side where they are', () => {
  const forth = convolution([4, 3, 3], new Float64Array(36), [7], { groups: 2, strides: [2] })
  expect(outputSize(forth)).toBe(4 * 3)
  expect(outputSize({ ...forth, transposed: true })).toBe(3 * 2 * 7)
})
