/**
 * Weights that the file computes by a route whose rounding nobody follows (relativeError Infinity) may be anything, even where
 * their float64 values are zeros. Whatever is folded into them or composed with them, nothing is proved.
 */
import { describe, expect, it } from 'vitest'
import { prepare } from '../../../src/graph/prepare.ts'
import { analyse } from '../../../src/lipschitz/analyse.ts'
import {
  absoluteNorm,
  addIdentity,
  composeConvolutions,
  composeMatrices,
  encloseCircular,
  encloseConvolution,
  encloseStructure,
  encloseTorus,
  scaleOutputChannels,
} from '../../../src/lipschitz/norms/index.ts'
import {
  distanceTo,
  jointRelativeError,
  largest,
  storedRelativeError,
  widen,
} from '../../../src/lipschitz/norms/perturbed.ts'
import type { GraphBuilder } from '../../../src/onnx/builder.ts'
import type { LinearStructure } from '../../../src/ops/operator.ts'
import { type Body, modelOf } from '../../soundness/examine.ts'
import { convolution } from './dense-operator.ts'

const NOTHING = { lower: 0, upper: Number.POSITIVE_INFINITY }
const unknown = (dims: readonly number[], data: readonly number[]) => ({
  type: 'float32' as const,
  dims,
  data: Float64Array.from(data),
  relativeError: Number.POSITIVE_INFINITY,
})
const exact = (dims: readonly number[], data: readonly number[]) => ({
  type: 'float32' as const,
  dims,
  data: Float64Array.from(data),
})

describe('an unknown error of the weights', () => {
  it('is unbounded for stored numbers and stored zeros alike, in every structure', () => {
    for (const value of [1, 0]) {
      const structures: readonly LinearStructure[] = [
        { kind: 'matrix', matrix: unknown([2, 1], [value, value]) },
        { kind: 'blocks', blocks: [exact([1, 1], [7]), unknown([1, 1], [value])] },
        { kind: 'diagonal', scale: unknown([2], [value, value]) },
        { kind: 'kronecker', factors: [exact([1, 1], [7]), unknown([1, 1], [value])] },
        { ...convolution([1, 1, 1], [0], [4]), weights: unknown([1, 1, 1], [value]) },
      ]
      for (const structure of structures) {
        const label = `${structure.kind} ${value}`
        expect(encloseStructure(structure).upper, label).toBe(Number.POSITIVE_INFINITY)
        expect(absoluteNorm(structure), label).toBe(Number.POSITIVE_INFINITY)
        // Of the other block something is known.
        if (structure.kind !== 'blocks') expect(encloseStructure(structure), label).toMatchObject(NOTHING)
        if (structure.kind !== 'convolution') continue
        expect(encloseTorus(structure)).toMatchObject(NOTHING)
        expect(encloseCircular(structure)).toMatchObject(NOTHING)
      }
    }
  })

  it('survives factors of channels, exact or not, and multiples of the identity', () => {
    const structure = { ...convolution([1, 1, 1], [1], [4]), weights: unknown([1, 1, 1], [1]) }
    expect(encloseConvolution(scaleOutputChannels(structure, exact([1], [2]))!)).toMatchObject(NOTHING)
    expect(encloseConvolution(addIdentity(structure, 1)!)).toMatchObject(NOTHING)
    const plain = convolution([1, 1, 1], [1], [4])
    expect(encloseConvolution(scaleOutputChannels(plain, unknown([1], [2]))!)).toMatchObject(NOTHING)
    const perturbed = { ...plain, perturbation: 0.5 }
    expect(encloseConvolution(scaleOutputChannels(perturbed, unknown([1], [0]))!)).toMatchObject(NOTHING)
  })

  it('is not composed with anything', () => {
    const plain = convolution([1, 1, 1], [3], [4])
    const structure = { ...plain, weights: unknown([1, 1, 1], [1]) }
    expect(composeConvolutions(structure, plain)).toBeUndefined()
    expect(composeConvolutions(plain, structure)).toBeUndefined()
    const matrix = { kind: 'matrix', matrix: exact([1, 1], [3]) } as const
    expect(composeMatrices(matrix, { kind: 'matrix', matrix: unknown([1, 1], [0]) })).toBeUndefined()
    expect(composeMatrices({ kind: 'matrix', matrix: unknown([1, 1], [0]) }, matrix)).toBeUndefined()
  })

  it('is what a NaN says', () => {
    expect(storedRelativeError(Number.NaN)).toBe(Number.POSITIVE_INFINITY)
    expect(storedRelativeError(0.5)).toBe(Number.POSITIVE_INFINITY)
    expect(storedRelativeError(-1)).toBe(Number.POSITIVE_INFINITY)
    expect(storedRelativeError()).toBe(0)
    expect(storedRelativeError(0.25)).toBeGreaterThanOrEqual(1 / 3)
    expect(jointRelativeError(Number.POSITIVE_INFINITY, 0)).toBe(Number.POSITIVE_INFINITY)
    expect(jointRelativeError(0, Number.NaN)).toBe(Number.POSITIVE_INFINITY)
    expect(jointRelativeError(0.1, 0.2)).toBeGreaterThanOrEqual(0.32)
    expect(jointRelativeError(0.1, 0.2)).toBeLessThan(0.32 + 1e-15)
    expect(distanceTo(Number.POSITIVE_INFINITY, 0)).toBe(Number.POSITIVE_INFINITY)
    expect(widen({ lower: 1, upper: 1, method: 'test' }, Number.NaN)).toMatchObject(NOTHING)
    const parts = [1, Number.NaN, 2].map((upper) => ({ lower: 0, upper, method: 'test' }))
    expect(largest(parts.slice(0, 2)).upper).toBeNaN()
    expect(largest([parts[0]!, parts[2]!]).upper).toBe(2)
  })
})

/** (w + 2^60) - 2^60 is w; in float64 it is 0 for small w. */
function cancelled(b: GraphBuilder, dims: readonly number[], data: readonly number[]): string {
  const big = b.initializer('big', [1], [2 ** 60])
  return b.node('Sub', [b.node('Add', [b.initializer('small', dims, data), big]), big])
}

const CASES: readonly (readonly [name: string, dims: readonly number[], body: Body])[] = [
  [
    'a convolution and factors of its channels',
    [1, 2, 4],
    (b, x) =>
      b.node('Mul', [
        b.node('Conv', [x, cancelled(b, [2, 2, 1], [3, 0, 0, 5])]),
        b.initializer('s', [1, 2, 1], [1, 2]),
      ]),
  ],
  [
    'a convolution after a convolution',
    [1, 2, 4],
    (b, x) =>
      b.node('Conv', [
        b.node('Conv', [x, cancelled(b, [2, 2, 1], [3, 2 ** 20, 0, 5])]),
        b.initializer('v', [2, 2, 1], [1, 1, 0, 0]),
      ]),
  ],
  [
    'a dense layer behind a matrix of zeros',
    [1, 2],
    (b, x) =>
      b.node('MatMul', [
        b.node('Relu', [b.node('MatMul', [x, cancelled(b, [2, 2], [3, 3, 3, 3])])]),
        b.initializer('v', [2, 2], [1, 2, 3, 4]),
      ]),
  ],
]

describe('a network whose weights cancel in float64', () => {
  for (const [name, dims, body] of CASES)
    it(`has no bound: ${name}`, async () => {
      const { bounds } = await analyse(prepare(modelOf(dims, body), { batch: 1 }))
      for (const of of ['logit', 'joint', 'pair'] as const) expect(bounds[of].upper, of).toBeNull()
    })
})
