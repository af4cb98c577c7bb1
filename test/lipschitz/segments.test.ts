import { describe, expect, it } from 'vitest'
import { analyse, withLowerBounds } from '../../src/lipschitz/index.ts'
import { type Body, conv, dense, programOf, random, rotation } from './networks.ts'
import { streamFrom } from './stream.ts'

/** The joint bound, the product of the nodes' constants, and what is attained. */
async function compare(input: readonly number[], output: readonly number[], body: Body) {
  const program = programOf(input, output, body)
  const size = input.reduce((a, b) => a * b, 1)
  const start = Float64Array.from({ length: size }, streamFrom(1))
  const analysis = withLowerBounds(await analyse(program), [start], { steps: 12 })
  const { upper, lower } = analysis.bounds.joint
  expect(lower).toBeLessThanOrEqual(upper!)
  return { upper: upper!, lower, trace: analysis.trace }
}

describe('affine segments are bounded as one operator', () => {
  it('dense after dense', async () => {
    const { upper, lower, trace } = await compare([1, 6], [1, 6], (b, x) =>
      dense(b, dense(b, x, [3, ...random(1, 35, 0.1)], 6, 6), random(2, 36), 6, 6),
    )
    expect(upper).toBeLessThan(1.001 * lower)
    expect(trace.some(({ nodes }) => nodes!.length === 2)).toBe(true)
  })
  it('a layer and its inverse', async () => {
    const stretch = rotation(6, 1).map((v, k) => v * (Math.floor(k / 6) + 1))
    const back = new Float32Array(36)
    for (let i = 0; i < 6; i++) for (let k = 0; k < 6; k++) back[i * 6 + k] = stretch[k * 6 + i]! / (k + 1) ** 2
    const { upper } = await compare([1, 6], [1, 6], (b, x) => dense(b, dense(b, x, stretch, 6, 6), back, 6, 6))
    expect(upper).toBeLessThan(1.0001)
  })
  it('convolution, scales of channels', async () => {
    const scales = [4, 0.125, 0.125, 0.125]
    const weights = random(3, 4 * 9).map((v, k) => (k < 9 ? 0.25 * v : 2 * v))
    const { upper, lower, trace } = await compare([1, 1, 8, 8], [1, 4, 8, 8], (b, x) =>
      b.node('Mul', [conv(b, x, weights, [4, 1, 3, 3], { pads: [1, 1, 1, 1] }), b.constant(scales, [1, 4, 1, 1])]),
    )
    // The channel that is scaled up is not the one that the convolution's norm comes from.
    expect(trace[0]!.constant!).toBeLessThan(0.5 * trace[0]!.naive!)
    expect(upper).toBeLessThan(1.2 * lower)
  })
  it('x + conv(x), too large to be written out', async () => {
    const weights = new Float32Array(9)
    weights[4] = -0.75
    weights[5] = 0.25
    const body: Body = (b, x) => b.node('Add', [x, conv(b, x, weights, [1, 1, 3, 3], { pads: [1, 1, 1, 1] })])
    const { upper } = await compare([1, 1, 25, 25], [1, 1, 25, 25], body)
    // 0.25 + 0.25 e^iw: at most 0.5, where the triangle inequality says 2.
    expect(upper).toBeLessThan(0.5001)
  })
  it('zeros by Pad are the padding of the convolution behind', async () => {
    const weights = random(4, 36, 0.5)
    const padded: Body = (b, x) =>
      conv(b, b.node('Pad', [x, b.indices([0, 0, 1, 1, 0, 0, 1, 1])]), weights, [4, 1, 3, 3])
    const own: Body = (b, x) => conv(b, x, weights, [4, 1, 3, 3], { pads: [1, 1, 1, 1] })
    const [a, c] = [await compare([1, 1, 6, 6], [1, 4, 6, 6], padded), await compare([1, 1, 6, 6], [1, 4, 6, 6], own)]
    expect(a.upper / c.upper).toBeCloseTo(1, 3)
  })
  it('wrapped padding on a small map is exact', async () => {
    const body: Body = (b, x) =>
      conv(b, b.node('Pad', [x, b.indices([0, 0, 1, 0, 0, 1])], { mode: 'wrap' }), [0.25, 0.5, 0.25], [1, 1, 3])
    const b = await compare([1, 1, 12], [1, 1, 12], (g, x) => body(g, x)).catch((error: Error) => error)
    if (b instanceof Error) throw b
    expect(b.upper).toBeLessThan(1.000001)
    expect(b.upper).toBeGreaterThanOrEqual(1)
  })
  it('a convolution behind another that pads is not their composition', async () => {
    // Shift out of the map and back: the composed kernel is the identity, the real operator loses the border.
    const body: Body = (b, x) => {
      const right = conv(b, x, [1, 0, 0], [1, 1, 3], { pads: [1, 1] })
      return b.node('Sub', [x, conv(b, right, [0, 0, 1], [1, 1, 3], { pads: [1, 1] })])
    }
    const { upper } = await compare([1, 1, 8], [1, 1, 8], body)
    expect(upper).toBeGreaterThanOrEqual(1)
  })
  it('matrices on different axes are not multiplied', async () => {
    // x W and V x commute as operators; V W says nothing about them.
    const weights = [2, 0, 0, 0.5]
    const body: Body = (b, x) => {
      const [w, v] = [b.initializer('w', [2, 2], weights), b.initializer('v', [2, 2], [0.5, 0, 0, 2])]
      return b.node('MatMul', [v, b.node('MatMul', [x, w])])
    }
    const { upper } = await compare([1, 2, 2], [1, 2, 2], body)
    expect(upper).toBeGreaterThanOrEqual(4)
  })
})
