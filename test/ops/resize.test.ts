import { describe, expect, it } from 'vitest'
import { encloseStructure } from '../../src/lipschitz/norms/index.ts'
import {
  backward,
  differences,
  disagreement,
  evaluate,
  fixed,
  floats,
  integers,
  type NodeCase,
  random,
  roomFor,
  siteOf,
  slopeOf,
} from './one-node.ts'

const f = (value: number) => ({ float: value })

function resize(
  x: NodeCase['inputs'][0],
  to: { scales?: number[]; sizes?: number[] },
  attributes: NodeCase['attributes'],
  opset = 19,
): NodeCase {
  const scales = to.scales && fixed([to.scales.length], to.scales)
  const base = { op: 'Resize', opset, attributes: attributes ?? {} }
  if (opset === 10) return { ...base, inputs: [x, scales] }
  return {
    ...base,
    inputs: [x, opset < 13 ? fixed([0], []) : undefined, scales, to.sizes && integers(...to.sizes)].slice(
      0,
      to.sizes ? 4 : 3,
    ),
  }
}

const COORDINATES = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric']
const x = random([1, 2, 5, 4], 3)

/** Compared at 1e-5 where float32 may place samples a little elsewhere; else within the room's rule. */
async function agrees(one: NodeCase, label: string): Promise<void> {
  const rule = roomFor(one.op).rounding(siteOf(one))
  const ratio = await disagreement(one)
  // An unknown rule is compared at 64 ulps of the largest value; positions up to 16 shift weights by that order.
  expect(ratio, `${label}: ${rule.kind}`).toBeLessThanOrEqual(rule.kind === 'unknown' ? 4 : 1)
}

describe('Resize agrees with onnxruntime', () => {
  for (const coordinate_transformation_mode of COORDINATES) {
    for (const mode of ['linear', 'cubic']) {
      it(`${mode}, ${coordinate_transformation_mode}`, async () => {
        const attributes = { mode, coordinate_transformation_mode }
        for (const sizes of [
          [1, 2, 10, 8],
          [1, 2, 3, 7],
          [1, 2, 4, 2],
        ]) {
          await agrees(resize(x, { sizes }, attributes), `${sizes}`)
        }
        await agrees(resize(x, { scales: [1, 1, 2, 2] }, attributes), 'twice')
      })
    }

    it(`nearest, ${coordinate_transformation_mode}`, async () => {
      for (const nearest_mode of ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']) {
        const attributes = { coordinate_transformation_mode, nearest_mode }
        for (const scales of [
          [1, 1, 2, 2],
          [1, 1, 3, 1.5],
          [1, 1, 0.5, 0.75],
        ]) {
          const one = resize(x, { scales }, attributes)
          if (roomFor('Resize').rounding(siteOf(one)).kind === 'unknown') continue
          await agrees(one, `${nearest_mode} ${scales}`)
        }
      }
    })
  }

  it('cubic with other coefficients and without the outside', async () => {
    for (const exclude_outside of [0, 1]) {
      const attributes = { mode: 'cubic', cubic_coeff_a: f(-0.5), exclude_outside }
      await agrees(resize(x, { scales: [1, 1, 2, 2] }, attributes), 'twice')
      await agrees(resize(x, { sizes: [1, 2, 3, 7] }, attributes), 'sizes')
    }
  })

  it('with antialias', async () => {
    for (const mode of ['linear', 'cubic']) {
      for (const exclude_outside of [0, 1]) {
        const attributes = { mode, antialias: 1, exclude_outside }
        await agrees(resize(random([1, 1, 8, 9], 5), { sizes: [1, 1, 4, 3] }, attributes), `${mode} ${exclude_outside}`)
        await agrees(
          resize(random([1, 1, 8, 9], 5), { sizes: [1, 1, 10, 18] }, attributes),
          `${mode} ${exclude_outside}`,
        )
      }
    }
  })

  it('with a region of interest', async () => {
    for (const mode of ['linear', 'cubic', 'nearest']) {
      const attributes = { mode, coordinate_transformation_mode: 'tf_crop_and_resize', extrapolation_value: f(7) }
      const one: NodeCase = {
        op: 'Resize',
        opset: 19,
        attributes,
        inputs: [x, fixed([8], [0, 0, 0.4, -0.2, 1, 1, 0.6, 1.2]), undefined, integers(1, 2, 3, 6)],
      }
      if (mode === 'nearest' && roomFor('Resize').rounding(siteOf(one)).kind === 'unknown') continue
      await agrees(one, mode)
      expect(evaluate(one)[0]!.data.includes(7)).toBe(true)
    }
  })

  it('with axes and policies', async () => {
    for (const keep_aspect_ratio_policy of ['stretch', 'not_larger', 'not_smaller']) {
      const attributes = { axes: [3, 2], keep_aspect_ratio_policy, mode: 'linear' }
      await agrees(resize(x, { sizes: [8, 5] }, attributes), keep_aspect_ratio_policy)
    }
  })

  it('in opsets 10, 11 and 13, and as Upsample', async () => {
    for (const scales of [
      [1, 1, 2, 3],
      [1, 1, 0.5, 0.5],
    ]) {
      for (const mode of ['nearest', 'linear']) {
        for (const opset of [10, 11, 13, 18])
          await agrees(resize(x, { scales }, { mode }, opset), `${opset} ${mode} ${scales}`)
      }
    }
    for (const mode of ['nearest', 'linear']) {
      const floating = { floats: [1, 1, 2, 3] }
      await agrees({ op: 'Upsample', opset: 7, attributes: { mode, scales: floating }, inputs: [x] }, mode)
      await agrees({ op: 'Upsample', opset: 9, attributes: { mode }, inputs: [x, fixed([4], [1, 1, 2, 2])] }, mode)
    }
  })
})

describe('bounds', () => {
  const norm = (one: NodeCase) => {
    const rule = roomFor(one.op).lipschitz(siteOf(one))
    if (rule.kind !== 'affine') throw new Error(rule.kind)
    return encloseStructure(rule.structure)
  }

  it.each([
    ['linear', 'half_pixel', 2],
    ['linear', 'align_corners', 2],
    ['linear', 'asymmetric', 3],
    ['cubic', 'half_pixel', 2],
    ['linear', 'half_pixel', 0.5],
    ['cubic', 'half_pixel', 1.6],
  ])('%s %s x%d: the largest slope lies in the enclosure', (mode, coordinate_transformation_mode, scale) => {
    const attributes = { mode, coordinate_transformation_mode }
    const one = resize(random([1, 1, 5, 5], 1), { scales: [1, 1, scale, scale] }, attributes)
    const { lower, upper } = norm(one)
    const slope = slopeOf(one, 0.5)
    expect(slope).toBeLessThanOrEqual(upper * (1 + 1e-9))
    expect(slope).toBeGreaterThan(upper * (1 - 1e-5))
    expect(lower).toBeLessThanOrEqual(slope * (1 + 1e-5))
  })

  it('one axis is a matrix, nearest is a move', () => {
    const rule = (attributes: NodeCase['attributes'], scales: number[]) =>
      roomFor('Resize').lipschitz(siteOf(resize(x, { scales }, attributes)))
    expect(rule({ mode: 'linear' }, [1, 1, 2, 1])).toMatchObject({ kind: 'affine', structure: { kind: 'matrix' } })
    expect(rule({}, [1, 1, 2, 2])).toEqual({ kind: 'move' })
    expect(rule({ mode: 'linear' }, [1, 1, 1, 1])).toEqual({ kind: 'move' })
  })

  it('says when two readings of the file exist', () => {
    const attributes = { mode: 'linear', coordinate_transformation_mode: 'align_corners' }
    const one = resize(random([1, 1, 2, 4], 1), { scales: [1, 1, 1, Math.fround(0.6)] }, attributes)
    expect(roomFor('Resize').lipschitz(siteOf(one)).kind).toBe('unbounded')
    expect(roomFor('Resize').rounding(siteOf(one)).kind).toBe('unknown')
  })

  it('rows mix only when axis 0 is resampled', () => {
    const rows = (scales: number[]) => roomFor('Resize').rows(siteOf(resize(x, { scales }, {})))
    expect([rows([1, 1, 2, 2]), rows([2, 1, 1, 1])]).toEqual(['rows', 'mixed'])
  })
})

describe('gradients', () => {
  it.each([
    ['nearest', { scales: [1, 1, 2, 3] }],
    ['nearest', { scales: [1, 1, 0.5, 0.5] }],
    ['linear', { scales: [1, 1, 2, 2] }],
    ['linear', { sizes: [1, 2, 3, 7] }],
    ['cubic', { sizes: [1, 2, 7, 3] }],
  ])('%s %j', async (mode, to) => {
    const one = resize(x, to, { mode })
    const cotangent = Array.from(evaluate(one)[0]!.data, (_, i) => ((i * 5) % 7) - 3)
    const [gradient] = await backward(one, [cotangent])
    const expected = differences(one, [cotangent], 0, 0.5)
    gradient!.data.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-5 * Math.max(1, Math.abs(expected[i]!)))
    })
  })
})

describe('refusals', () => {
  it('names what is not known', () => {
    expect(() => siteOf(resize(x, { scales: [1, 1, 2, 2] }, { mode: 'lanczos' }))).toThrow(
      /'node' \(Resize\) has mode 'lanczos'/,
    )
    expect(() => siteOf({ op: 'Resize', opset: 18, inputs: [x, undefined, floats([4], [1, 1, 2, 2])] })).toThrow(
      /takes its input 2 from a computed value/,
    )
    expect(() => siteOf(resize(x, { scales: [2, 2] }, {}))).toThrow(/2 scales or sizes for 4 axes/)
  })
})
