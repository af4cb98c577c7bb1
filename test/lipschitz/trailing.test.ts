import { expect, it } from 'vitest'
import { analyse } from '../../src/lipschitz/analyse.ts'
import { conv, dense, programOf, random } from './networks.ts'

it('rows of many classes are taken behind the pooling, at no loss', async () => {
  const classes = 1400
  const weights = random(1, classes * 4, 0.1)
  const analysis = await analyse(
    programOf([1, 1, 32, 32], [1, classes], (b, x) => {
      const map = b.node('Relu', [conv(b, x, random(2, 4), [4, 1, 1, 1])])
      return dense(b, b.node('Flatten', [b.node('GlobalAveragePool', [map])]), weights, classes, 4)
    }),
  )
  const { features } = analysis.proof!.trailing
  expect(analysis.program.values.get(features)!.dims.reduce((n, dim) => n * dim, 1)).toBe(4)
  const body = analysis.proof!.constants.of(features)
  // The mean of 1,024 positions has norm 1/32.
  expect(body).toBeLessThan(1.001 * (analysis.layers[0]!.upper! / 32))
  const largest = Math.max(
    ...Array.from({ length: classes }, (_, k) => Math.hypot(...weights.subarray(4 * k, 4 * k + 4))),
  )
  expect(analysis.bounds.logit.upper! / (largest * body)).toBeCloseTo(1, 6)
})

it('a row whose float64 sum loses everything still counts, in single outputs, in pairs and in all together', async () => {
  // Three hidden units of one input: 2^60 x, x, -2^60 x; output 0 is their sum, x, of which float64 keeps nothing. Output 1 is 0.
  const analysis = await analyse(
    programOf([1, 1], [1, 2], (b, x) =>
      dense(
        b,
        dense(b, b.node('Relu', [x]), Float32Array.of(2 ** 60, 1, -(2 ** 60)), 3, 1),
        Float32Array.of(1, 1, 1, 0, 0, 0),
        2,
        3,
      ),
    ),
  )
  const { outputs, trailing } = analysis.proof!
  expect([...trailing.rows.get(trailing.features)![0]!]).toEqual([0])
  expect(outputs.logits[0]!).toBeGreaterThanOrEqual(1)
  expect(outputs.pair(0, 1)).toBeGreaterThanOrEqual(1)
  expect(outputs.joint).toBeGreaterThanOrEqual(1)
})

it('an adjoint that is written with rounded constants is off by no more than is paid', async () => {
  // A scale of 0.1 in the arithmetic of float64 (alpha times a weight) is a float32 number in the adjoint's graph.
  const [alpha, w] = [Math.fround(0.1), Math.fround(0.7)]
  const analysis = await analyse(
    programOf([1, 1], [1, 1], (b, x) => {
      const scaled = b.node('Gemm', [b.node('Relu', [x]), b.initializer('w', [1, 1], [w])], { alpha: { float: alpha } })
      return b.node('Sum', [scaled, b.node('Mean', [scaled, scaled, scaled])])
    }),
  )
  const { rows, rowError, features } = analysis.proof!.trailing
  const off = Math.abs(rows.get(features)![0]![0]! - 2 * alpha * w)
  expect(rowError).toBeGreaterThanOrEqual(off)
  expect(rowError).toBeGreaterThanOrEqual(2 ** -23 * 0.14)
  expect(rowError).toBeLessThan(1e-5)
})

it('the error of a row by an inner tensor is that of all ways that lead from it', async () => {
  // Once h, 2^60 h and -2^60 h: the row by h is 1, of which float64 may keep nothing.
  const analysis = await analyse(
    programOf([1, 1], [1, 1], (b, x) => {
      const h = dense(b, b.node('Relu', [x]), Float32Array.of(1), 1, 1)
      const ways = [1, 2 ** 60, -(2 ** 60)].map((w) => dense(b, h, Float32Array.of(w), 1, 1))
      return b.node('Sum', ways)
    }),
  )
  const { rows, rowErrors, nodes } = analysis.proof!.trailing
  const h = nodes[0]!.site.outputs[0]!.name
  expect(Math.abs(rows.get(h)![0]![0]! - 1)).toBeLessThanOrEqual(rowErrors.get(h)!)
  expect(rowErrors.get(h)!).toBeGreaterThan(1)
  expect(analysis.bounds.joint.upper!).toBeGreaterThanOrEqual(1)
})

it('the features are what no earlier tensor is an affine map of', async () => {
  const featuresOf = async (join: (b: Parameters<Parameters<typeof programOf>[2]>[0], x: string) => string) => {
    const analysis = await analyse(
      programOf([1, 2], [1, 2], (b, x) => {
        const joined = join(b, x)
        return dense(b, b.node('Neg', [joined]), random(5, 4), 2, 2)
      }),
    )
    const { features, nodes } = analysis.proof!.trailing
    return { features, ops: nodes.map(({ site }) => site.node.op) }
  }
  // Two bases, a maximum, a sum of one base.
  const sum = await featuresOf((b, x) => b.node('Add', [b.node('Relu', [x]), b.node('Tanh', [x])]))
  expect(sum.ops).toEqual(['Neg', 'Gemm'])
  const max = await featuresOf((b, x) => b.node('Max', [b.node('Tanh', [x]), b.constant([0.5])]))
  expect(max.ops).toEqual(['Neg', 'Gemm'])
  const high = await featuresOf((b, x) => b.node('Max', [x, b.node('Neg', [x])]))
  expect(high.ops).toEqual(['Neg', 'Gemm'])
  const same = await featuresOf((b, x) => {
    const t = b.node('Tanh', [x])
    return b.node('Add', [t, b.node('Neg', [t])])
  })
  expect(same.ops[0]).toBe('Neg')
  expect(same.ops).toContain('Add')
})
