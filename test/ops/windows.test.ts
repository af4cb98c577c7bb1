import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BuilderAttribute } from '../../src/onnx/builder.ts'
import { disagreement, evaluate, type Given, type NodeCase, random, siteOf } from './one-node.ts'
import { checkGradient } from './vjp-harness.ts'

const SLOW = process.env.LIP_ONNX_SLOW ? 10 : 1

interface Geometry {
  readonly spatial: number[]
  readonly kernel: number[]
  readonly attributes: Record<string, BuilderAttribute>
}

/** Random windows that onnxruntime accepts: pads below the kernel's extent, at least one window. */
function geometries(options: { dilate?: boolean; ceil?: boolean; auto?: boolean; maxRank?: number }) {
  return fc
    .integer({ min: 1, max: options.maxRank ?? 3 })
    .chain((rank) => {
      const list = (min: number, max: number) =>
        fc.array(fc.integer({ min, max }), { minLength: rank, maxLength: rank })
      return fc.record({
        kernel: list(1, 3),
        strides: list(1, 3),
        dilations: options.dilate ? list(1, 2) : fc.constant(new Array<number>(rank).fill(1)),
        begin: list(0, 2),
        end: list(0, 2),
        room: list(0, rank === 3 ? 2 : 5),
        mode: fc.constantFrom(
          ...(options.auto ? ['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'] : ['NOTSET']),
        ),
        ceil: options.ceil ? fc.boolean() : fc.constant(false),
      })
    })
    .map(({ kernel, strides, dilations, begin, end, room, mode: wished, ceil }): Geometry => {
      const spatial = kernel.map((k, axis) => (k - 1) * dilations[axis]! + 1 + room[axis]!)
      const clip = (pads: number[]) => pads.map((pad, axis) => Math.min(pad, kernel[axis]! - 1))
      const gaps = spatial.some(
        (size, axis) => (Math.ceil(size / strides[axis]!) - 1) * strides[axis]! + kernel[axis]! < size,
      )
      const mode = gaps ? 'NOTSET' : wished
      const pads = mode === 'NOTSET' ? { pads: [...clip(begin), ...clip(end)] } : { auto_pad: mode }
      const more = options.dilate ? { dilations } : {}
      return { spatial, kernel, attributes: { strides, ...pads, ...more, ...(ceil ? { ceil_mode: 1 } : {}) } }
    })
}

const check = (property: fc.IAsyncProperty<unknown>, runs: number) =>
  fc.assert(property as fc.IAsyncProperty<[unknown]>, { numRuns: runs * SLOW, seed: 7 })

const fixedRandom = (dims: readonly number[], seed: number): Given => ({ ...random(dims, seed), constant: true })

describe('sliding windows are those of onnxruntime', () => {
  it('Conv', () =>
    check(
      fc.asyncProperty(
        geometries({ dilate: true, auto: true }),
        fc.constantFrom(1, 2, 3),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
        async ({ spatial, kernel, attributes }, group, inputs, outputs, biased) => {
          // onnxruntime has no SAME padding for dilated kernels.
          if ('auto_pad' in attributes) attributes.dilations = kernel.map(() => 1)
          const one: NodeCase = {
            op: 'Conv',
            attributes: { ...attributes, group },
            inputs: [
              random([2, group * inputs, ...spatial], 1),
              fixedRandom([group * outputs, inputs, ...kernel], 2),
              ...(biased ? [fixedRandom([group * outputs], 3)] : []),
            ],
          }
          expect(await disagreement(one)).toBeLessThan(1)
        },
      ),
      60,
    ))

  it('ConvTranspose', () =>
    check(
      fc.asyncProperty(
        geometries({ dilate: true, maxRank: 2 }),
        fc.constantFrom(1, 2),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        async ({ spatial, kernel, attributes }, group, inputs, outputs, extra) => {
          const strides = attributes.strides as number[]
          const one: NodeCase = {
            op: 'ConvTranspose',
            attributes: {
              ...attributes,
              group,
              ...(extra ? { output_padding: strides.map((stride) => stride - 1) } : {}),
            },
            inputs: [
              random([2, group * inputs, ...spatial.map((size) => size + 2)], 1),
              fixedRandom([group * inputs, outputs, ...kernel], 2),
              fixedRandom([group * outputs], 3),
            ],
          }
          if (siteOf(one).outputs[0]!.dims.some((dim) => dim < 1)) return
          expect(await disagreement(one)).toBeLessThan(1)
        },
      ),
      50,
    ))

  it('AveragePool', () =>
    check(
      fc.asyncProperty(
        geometries({ ceil: true, auto: true }),
        fc.boolean(),
        fc.constantFrom(11, 19, 22),
        async ({ spatial, kernel, attributes }, include, opset) => {
          const one: NodeCase = {
            op: 'AveragePool',
            opset,
            attributes: { ...attributes, kernel_shape: kernel, count_include_pad: Number(include) },
            inputs: [random([1, 2, ...spatial], 4)],
          }
          expect(await disagreement(one)).toBeLessThan(1)
        },
      ),
      60,
    ))

  it('AveragePool with dilations', () =>
    check(
      fc.asyncProperty(geometries({ dilate: true }), async ({ spatial, kernel, attributes }) => {
        const one: NodeCase = {
          op: 'AveragePool',
          opset: 19,
          attributes: { ...attributes, kernel_shape: kernel },
          inputs: [random([1, 2, ...spatial], 4)],
        }
        expect(await disagreement(one)).toBeLessThan(1)
      }),
      30,
    ))

  it('MaxPool, with positions', () =>
    check(
      fc.asyncProperty(
        geometries({ ceil: true, auto: true, dilate: true }),
        fc.boolean(),
        async ({ spatial, kernel, attributes }, columnMajor) => {
          if ('auto_pad' in attributes) attributes.dilations = kernel.map(() => 1)
          const one: NodeCase = {
            op: 'MaxPool',
            opset: 12,
            outputs: 2,
            attributes: { ...attributes, kernel_shape: kernel, storage_order: Number(columnMajor) },
            inputs: [random([1, 2, ...spatial], 5)],
          }
          expect(await disagreement(one)).toBe(0)
        },
      ),
      60,
    ))

  it('LpPool', () =>
    check(
      fc.asyncProperty(
        geometries({ auto: true }),
        fc.constantFrom(1, 2, 3),
        async ({ spatial, kernel, attributes }, p) => {
          const one: NodeCase = {
            op: 'LpPool',
            opset: 18,
            attributes: { ...attributes, kernel_shape: kernel, p },
            inputs: [random([1, 2, ...spatial], 6)],
          }
          expect(await disagreement(one)).toBeLessThan(1)
        },
      ),
      40,
    ))

  it.each(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'])('%s', async (op) => {
    for (const dims of [
      [2, 3, 5],
      [1, 2, 4, 3],
      [1, 2, 2, 3, 2],
    ]) {
      expect(await disagreement({ op, inputs: [random(dims, 7)] })).toBeLessThan(1)
    }
  })
})

describe('gradients of windows', () => {
  it('Conv by input, weights and bias', () =>
    check(
      fc.asyncProperty(
        geometries({ dilate: true }),
        fc.constantFrom(1, 2),
        fc.integer({ min: 1, max: 5 }),
        async ({ spatial, kernel, attributes }, group, inputs) => {
          await checkGradient({
            op: 'Conv',
            attributes: { ...attributes, group },
            inputs: [
              { dims: [2, group * inputs, ...spatial] },
              { dims: [group * 2, inputs, ...kernel] },
              { dims: [group * 2] },
            ],
          })
        },
      ),
      25,
    ))

  it('Conv with 8 input channels or more, by a flipped convolution', async () => {
    for (const group of [1, 2]) {
      const test = { op: 'Conv', attributes: { group, pads: [1, 0, 1, 2], dilations: [1, 2] } }
      const x = { dims: [2, 8, 5, 6] }
      await checkGradient({ ...test, inputs: [x, { dims: [4, 8 / group, 3, 2], constant: true }] })
      await checkGradient({ ...test, inputs: [x, { dims: [4, 8 / group, 3, 2] }] })
    }
  })

  it('ConvTranspose by input, weights and bias', () =>
    check(
      fc.asyncProperty(
        geometries({ dilate: true, maxRank: 2 }),
        fc.constantFrom(1, 2),
        fc.boolean(),
        async ({ spatial, kernel, attributes }, group, extra) => {
          const strides = attributes.strides as number[]
          await checkGradient({
            op: 'ConvTranspose',
            attributes: { ...attributes, group, ...(extra ? { output_padding: strides.map((s) => s - 1) } : {}) },
            inputs: [
              { dims: [2, group * 2, ...spatial.map((size) => size + 2)] },
              { dims: [group * 2, 3, ...kernel] },
              { dims: [group * 3] },
            ],
          })
        },
      ),
      20,
    ))

  it('pools', () =>
    check(
      fc.asyncProperty(
        geometries({ maxRank: 2 }),
        fc.constantFrom('AveragePool', 'MaxPool', 'LpPool'),
        fc.boolean(),
        async ({ spatial, kernel, attributes }, op, include) => {
          const more = op === 'AveragePool' ? { count_include_pad: Number(include) } : op === 'LpPool' ? { p: 2 } : {}
          await checkGradient({
            op,
            attributes: { ...attributes, ...more, kernel_shape: kernel },
            inputs: [{ dims: [1, 2, ...spatial] }],
          })
        },
      ),
      40,
    ))

  it.each(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'])('%s', (op) =>
    checkGradient({ op, inputs: [{ dims: [2, 3, 4, 5] }] }),
  )
})

describe('known answers', () => {
  it('a convolution by hand', () => {
    const one: NodeCase = {
      op: 'Conv',
      attributes: { pads: [1, 0] },
      inputs: [
        { dims: [1, 1, 4], data: [1, 2, 3, 4] },
        { dims: [1, 1, 2], data: [10, 1], constant: true },
        { dims: [1], data: [100], constant: true },
      ],
    }
    expect(Array.from(evaluate(one)[0]!.data)).toEqual([101, 112, 123, 134])
  })

  it('an average that leaves its padding out', () => {
    const one: NodeCase = {
      op: 'AveragePool',
      attributes: { kernel_shape: [3], pads: [1, 1] },
      inputs: [{ dims: [1, 1, 3], data: [3, 6, 9] }],
    }
    expect(Array.from(evaluate(one)[0]!.data)).toEqual([4.5, 6, 7.5])
  })
})
