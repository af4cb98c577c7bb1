import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encloseStructure } from '../../src/lipschitz/norms/index.ts'
import { multiplyInto } from '../../src/ops/matrix-product.ts'
import type { LinearStructure } from '../../src/ops/operator.ts'
import { constantOf, evaluate, fixed, type Given, type NodeCase, random, roomFor, siteOf, slopeOf } from './one-node.ts'

const fixedRandom = (dims: readonly number[], seed: number): Given => ({ ...random(dims, seed), constant: true })

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, runs: number) =>
  fc.assert(fc.property(arbitrary, property), { numRuns: runs * (process.env.LIP_ONNX_SLOW ? 3 : 1), seed: 5 })

/** The norm of the linear part in the one input that is not constant: its columns are f(e_k) - f(0). */
function trueNorm(one: NodeCase): number {
  const at = one.inputs.findIndex((given) => given && !given.constant)
  const x = one.inputs[at]!
  const image = (data: readonly number[]) =>
    evaluate(
      one,
      one.inputs.map((given, i) => (i === at ? { ...x, data } : given)),
    )[0]!.data
  const zero = image(x.data.map(() => 0))
  return normBySquaring(
    x.data.map((_, k) => image(x.data.map((_, i) => (i === k ? 1 : 0))).map((value, i) => value - zero[i]!)),
  )
}

/** ||A|| from the Frobenius norm of (A^T A)^(2^33): right to rounding, however close the largest singular values lie. */
function normBySquaring(matrix: readonly Float64Array[]): number {
  const height = matrix[0]?.length ?? 0
  const columns =
    matrix.length <= height
      ? matrix
      : Array.from({ length: height }, (_, i) => Float64Array.from(matrix, (column) => column[i]!))
  const n = columns.length
  let gram = new Float64Array(n * n)
  columns.forEach((a, i) => {
    columns.forEach((b, j) => {
      gram[i * n + j] = a.reduce((sum, value, k) => sum + value * b[k]!, 0)
    })
  })
  let log = 0
  for (let k = 0; k < 34; k++) {
    const size = Math.sqrt(gram.reduce((sum, value) => sum + value * value, 0))
    if (size === 0) return 0
    log += Math.log(size) / 2 ** k
    const unit = gram.map((value) => value / size)
    gram = new Float64Array(n * n)
    multiplyInto(gram, 0, unit, 0, unit, 0, n, n, n)
  }
  return Math.exp(log / 2)
}

function structureOf(one: NodeCase): LinearStructure {
  const rule = roomFor(one.op).lipschitz(siteOf(one))
  if (rule.kind !== 'affine') throw new Error(`${one.op}: ${rule.kind}`)
  return rule.structure
}

/** lower <= truth <= upper, and the upper side is no further than `slack`: a rule 1 % too small fails where slack is small. */
function encloses(one: NodeCase, slack = 0.003): void {
  const truth = trueNorm(one)
  const { lower, upper } = encloseStructure(structureOf(one))
  expect(upper, 'upper').toBeGreaterThanOrEqual(truth * (1 - 1e-9))
  expect(lower, 'lower').toBeLessThanOrEqual(truth * (1 + 1e-6))
  expect(upper, 'tight').toBeLessThanOrEqual(truth * (1 + slack) + 1e-12)
}

const windows = fc
  .integer({ min: 1, max: 2 })
  .chain((rank) => {
    const list = (min: number, max: number) => fc.array(fc.integer({ min, max }), { minLength: rank, maxLength: rank })
    return fc.record({
      kernel: list(1, 3),
      strides: list(1, 3),
      dilations: list(1, 2),
      begin: list(0, 2),
      end: list(0, 2),
      room: list(0, 3),
    })
  })
  .map(({ kernel, strides, dilations, begin, end, room }) => {
    const spatial = kernel.map((k, axis) => (k - 1) * dilations[axis]! + 1 + room[axis]!)
    const clip = (pads: number[]) => pads.map((pad, axis) => Math.min(pad, kernel[axis]! - 1))
    return { spatial, kernel, strides, dilations, pads: [...clip(begin), ...clip(end)] }
  })

describe('the structures that rooms describe have the norm of what they evaluate', () => {
  it('Conv', () =>
    check(
      fc.tuple(windows, fc.constantFrom(1, 2)),
      ([{ spatial, kernel, strides, dilations, pads }, group]) =>
        encloses({
          op: 'Conv',
          attributes: { strides, dilations, pads, group },
          inputs: [
            random([1, group, ...spatial], 1),
            fixedRandom([2 * group, 1, ...kernel], 2),
            fixedRandom([2 * group], 3),
          ],
        }),
      24,
    ))

  it('ConvTranspose', () =>
    check(
      fc.tuple(windows, fc.constantFrom(1, 2), fc.boolean()),
      ([{ spatial, kernel, strides, dilations, pads }, group, extra]) => {
        const one: NodeCase = {
          op: 'ConvTranspose',
          attributes: { strides, dilations, pads, group, output_padding: strides.map((s) => (extra ? s - 1 : 0)) },
          inputs: [random([1, 2 * group, ...spatial], 1), fixedRandom([2 * group, 1, ...kernel], 2)],
        }
        if (siteOf(one).outputs[0]!.dims.every((dim) => dim > 0)) encloses(one)
      },
      24,
    ))

  it('AveragePool that counts its padding', () =>
    check(
      windows,
      ({ spatial, kernel, strides, dilations, pads }) =>
        encloses({
          op: 'AveragePool',
          opset: 19,
          attributes: { kernel_shape: kernel, strides, dilations, pads, count_include_pad: 1 },
          inputs: [random([1, 2, ...spatial], 1)],
        }),
      24,
    ))

  // Schur's test is not exact: sound, and never more than the root of two dimensions' worth above.
  it('AveragePool that leaves its padding out', () =>
    check(
      fc.tuple(windows, fc.boolean()),
      ([{ spatial, kernel, strides, dilations, pads }, ceil]) =>
        encloses(
          {
            op: 'AveragePool',
            opset: 19,
            attributes: { kernel_shape: kernel, strides, dilations, pads, ceil_mode: Number(ceil) },
            inputs: [random([1, 1, ...spatial], 1)],
          },
          1,
        ),
      24,
    ))

  it('the published example of an average that leaves padding out: above 1.028, not the convolution’s 0.805', () => {
    const one: NodeCase = {
      op: 'AveragePool',
      attributes: { kernel_shape: [3], pads: [1, 1] },
      inputs: [random([1, 1, 3], 1)],
    }
    expect(trueNorm(one)).toBeCloseTo(1.0281, 3)
    expect(constantOf(roomFor('AveragePool').lipschitz(siteOf(one)))).toBeGreaterThanOrEqual(1.0281)
  })

  it('disjoint averages, exactly', () => {
    const pool = (kernel: number, size: number) =>
      structureOf({
        op: 'AveragePool',
        attributes: { kernel_shape: [kernel, kernel], strides: [kernel, kernel] },
        inputs: [random([1, 3, size, size], 1)],
      })
    expect(pool(2, 4)).toMatchObject({ kind: 'closed-form', norm: 0.5 })
    expect(pool(4, 8)).toMatchObject({ kind: 'closed-form', norm: 0.25 })
    const third = pool(3, 7)
    expect(third.kind === 'closed-form' && third.norm).toBeCloseTo(1 / 3, 14)
    expect(structureOf({ op: 'GlobalAveragePool', inputs: [random([2, 3, 4, 4], 1)] })).toMatchObject({ norm: 0.25 })
  })

  it('Gemm, in all its settings and from both sides', () => {
    for (const transA of [0, 1])
      for (const transB of [0, 1])
        for (const side of [0, 1]) {
          const a = random(transA ? [3, 4] : [4, 3], 1)
          const b = random(transB ? [5, 3] : [3, 5], 2)
          const inputs = [{ ...a, constant: side === 1 }, { ...b, constant: side === 0 }, fixedRandom([5], 3)]
          encloses({ op: 'Gemm', attributes: { transA, transB, alpha: { float: -1.7 } }, inputs })
        }
    encloses({
      op: 'Gemm',
      inputs: [fixedRandom([4, 3], 1), fixedRandom([3, 5], 2), random([5], 3)],
      attributes: { beta: { float: -0.5 } },
    })
  })

  it('Gemm with a summand that depends on the input', () => {
    const inputs = [random([4, 3], 1), fixed([3, 2], [1, 0, 0, 1, 1, 1]), random([2], 3)]
    const rule = roomFor('Gemm').lipschitz(siteOf({ op: 'Gemm', inputs }))
    if (rule.kind !== 'combine') throw new Error(rule.kind)
    // sigma_max = sqrt(3); the summand is repeated in 4 rows.
    expect(rule.combine([1, undefined, 0])).toBeGreaterThanOrEqual(Math.sqrt(3))
    expect(rule.combine([0, undefined, 1])).toBe(2)
  })

  it('MatMul with one constant, stacks included', () => {
    const shapes: readonly (readonly [number[], number[], number?])[] = [
      [
        [4, 3],
        [3, 5],
      ],
      [
        [2, 4, 3],
        [3, 5],
      ],
      [[3], [3, 5]],
      [[4, 3], [3]],
      [
        [2, 4, 3],
        [2, 3, 5],
      ],
      [
        [3, 1, 4, 3],
        [3, 1, 3, 2],
      ],
      // The dynamic side is repeated: bounded by Frobenius or Schur.
      [[4, 3], [2, 3, 5], 2],
    ]
    for (const [a, b, slack] of shapes) {
      encloses({ op: 'MatMul', inputs: [random(a, 1), fixedRandom(b, 2)] }, slack)
      encloses(
        { op: 'MatMul', inputs: [fixedRandom(a, 1), random(b, 2)] },
        slack ?? (a.length > 2 || b.length > 2 ? 2 : undefined),
      )
    }
  })

  it('scalings', () => {
    encloses({ op: 'Mul', inputs: [random([2, 3], 1), fixedRandom([3], 2)] })
    encloses({ op: 'Mul', inputs: [fixedRandom([2, 3], 2), random([3], 1)] })
    encloses({ op: 'Div', inputs: [random([2, 3], 1), fixed([3], [3, -0.7, 5])] })
    encloses({ op: 'Neg', inputs: [random([4], 1)] })
  })
})

describe('pools that are not linear', () => {
  /** The same window everywhere, its largest element shared by as many windows as can be. */
  const peak = (spatial: readonly number[], at: number): Given => ({
    dims: [1, 1, ...spatial],
    data: Array.from({ length: spatial.reduce((a, b) => a * b, 1) }, (_, i) => (i === at ? 10 : Math.sin(i + 1))),
  })

  it.each(['MaxPool', 'LpPool'])(
    '%s: the root of the largest number of windows that share an element, attained',
    (op) =>
      check(
        windows,
        ({ spatial, kernel, strides, dilations, pads }) => {
          const attributes = { kernel_shape: kernel, strides, dilations, pads }
          const size = spatial.reduce((a, b) => a * b, 1)
          let best = 0
          let constant = 0
          for (let at = 0; at < size; at++) {
            const one: NodeCase = { op, attributes, inputs: [peak(spatial, at)] }
            // Nearly all of the norm in one element: its slope is then nearly the root of the windows that read it.
            const sharp =
              op === 'LpPool'
                ? {
                    ...one,
                    inputs: [{ ...one.inputs[0]!, data: one.inputs[0]!.data.map((v) => (v === 10 ? 1e4 : v)) }],
                  }
                : one
            best = Math.max(best, slopeOf(sharp, 1e-4))
            constant = constantOf(roomFor(op).lipschitz(siteOf(one)))
          }
          expect(constant).toBeGreaterThanOrEqual(best * (1 - 1e-6))
          expect(constant * 0.99).toBeLessThan(best)
        },
        12,
      ),
  )

  it('overlapping 3x3 maxima: 3 at stride 1, 2 at stride 2, 1 at stride 3', () => {
    for (const [stride, constant] of [
      [1, 3],
      [2, 2],
      [3, 1],
    ] as const)
      expect(
        roomFor('MaxPool').lipschitz(
          siteOf({
            op: 'MaxPool',
            attributes: { kernel_shape: [3, 3], strides: [stride, stride] },
            inputs: [random([1, 1, 9, 9], 1)],
          }),
        ),
      ).toMatchObject({ kind: 'constant', value: constant, outputs: [0] })
  })

  it('ceil_mode and padding count: windows that really exist', () => {
    const rule = (attributes: Record<string, number | number[]>, size: number) =>
      constantOf(roomFor('MaxPool').lipschitz(siteOf({ op: 'MaxPool', attributes, inputs: [random([1, 1, size], 1)] })))
    // One window only: nothing is shared, however small the stride.
    expect(rule({ kernel_shape: [3], strides: [1] }, 3)).toBe(1)
    expect(rule({ kernel_shape: [3], strides: [1], pads: [1, 1] }, 3)).toBeCloseTo(Math.sqrt(3), 12)
    expect(rule({ kernel_shape: [2], strides: [3], ceil_mode: 1 }, 6)).toBe(1)
    expect(rule({ kernel_shape: [3], strides: [2] }, 4)).toBe(1)
    expect(rule({ kernel_shape: [3], strides: [2], ceil_mode: 1 }, 4)).toBeCloseTo(Math.SQRT2, 12)
  })

  it('LpPool by its order', () => {
    const rule = (p: number) =>
      constantOf(
        roomFor('LpPool').lipschitz(
          siteOf({
            op: 'LpPool',
            attributes: { kernel_shape: [2, 2], strides: [2, 2], p },
            inputs: [random([1, 1, 4, 4], 1)],
          }),
        ),
      )
    expect([rule(1), rule(2), rule(3)]).toEqual([2, 1, 1])
    const one: NodeCase = {
      op: 'LpPool',
      attributes: { kernel_shape: [2, 2], p: 1 },
      inputs: [random([1, 1, 2, 2], 3)],
    }
    expect(slopeOf(one)).toBeCloseTo(2, 6)
  })
})
