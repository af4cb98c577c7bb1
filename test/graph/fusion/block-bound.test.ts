import { describe, expect, it } from 'vitest'
import { boundBlocks } from '../../../src/graph/fusion/block-bound.ts'
import { createExpressionPool, type FusionPool } from '../../../src/graph/fusion/expression-pool.ts'

type Ids = readonly number[]

/** The constant of a map on `count` leaves of one base. */
function constantOf(count: number, build: (pool: FusionPool, x: Ids) => Ids): number {
  const pool = createExpressionPool()
  const x = [...pool.open(0, count)]
  const bound = boundBlocks(pool.store, build(pool, x))
  return bound === undefined ? Number.POSITIVE_INFINITY : (bound.get(0) ?? 0)
}

const relu = (pool: FusionPool, id: number): number => pool.max([id, pool.constant(0)])
const sub = (pool: FusionPool, a: number, b: number): number => pool.linear([a, b], [1, -1])
const add = (pool: FusionPool, a: number, b: number): number => pool.linear([a, b], [1, 1])
const neg = (pool: FusionPool, a: number): number => pool.linear([a], [-1])
const half = (pool: FusionPool, a: number): number => pool.linear([a], [0.5])
const meanSquare = (pool: FusionPool, ids: Ids): number =>
  pool.linear(
    ids.map((id) => pool.multiply(id, id)),
    ids.map(() => 1 / ids.length),
  )

describe('spellings of sorting have constant exactly 1', () => {
  const spellings: Record<string, (pool: FusionPool, a: number, b: number) => Ids> = {
    'max, min': (p, a, b) => [p.max([a, b]), p.min([b, a])],
    sort: (p, a, b) => p.sort([a, b]),
    'min, -max(-a, -b)': (p, a, b) => [p.max([a, b]), neg(p, p.max([neg(p, a), neg(p, b)]))],
    'b + relu(a - b), a - relu(a - b)': (p, a, b) => [
      add(p, b, relu(p, sub(p, a, b))),
      sub(p, a, relu(p, sub(p, a, b))),
    ],
    'a + relu(b - a), b - relu(b - a)': (p, a, b) => [
      add(p, a, relu(p, sub(p, b, a))),
      sub(p, b, relu(p, sub(p, b, a))),
    ],
    '(a + b +- |a - b|) / 2': (p, a, b) => [
      half(p, add(p, add(p, a, b), p.abs(sub(p, a, b)))),
      half(p, sub(p, add(p, a, b), p.abs(sub(p, a, b)))),
    ],
    'a/2 + b/2 +- |a/2 - b/2|': (p, a, b) => {
      const [s, d] = [add(p, half(p, a), half(p, b)), p.abs(sub(p, half(p, a), half(p, b)))]
      return [add(p, s, d), sub(p, s, d)]
    },
    '-min(-a, -b), a + b - max': (p, a, b) => [
      neg(p, p.min([neg(p, a), neg(p, b)])),
      sub(p, add(p, a, b), p.max([a, b])),
    ],
    'scaled by 3 and back by 1/4 and 4/3 (a float32 rounding away)': (p, a, b) => [
      p.linear([p.max([p.linear([a], [4]), p.linear([b], [4])])], [0.25]),
      p.min([a, b]),
    ],
    'shifted by a constant': (p, a, b) => {
      const c = p.constant(5)
      return [sub(p, p.max([add(p, a, c), add(p, b, c)]), c), p.min([a, b])]
    },
  }
  for (const [name, build] of Object.entries(spellings))
    it(name, () => {
      expect(constantOf(2, (pool, [a, b]) => build(pool, a!, b!))).toBe(1)
      // The same expressions, not merely the same constant.
      const pool = createExpressionPool()
      const [a, b] = [...pool.open(0, 2)]
      expect(new Set(build(pool, a!, b!))).toEqual(new Set([pool.max([a!, b!]), pool.min([a!, b!])]))
    })

  it('full sort, and a permutation of its ranks', () => {
    expect(constantOf(7, (pool, x) => [...pool.sort(x)].reverse())).toBe(1)
    expect(constantOf(7, (pool, x) => pool.sort(x).slice(2, 5))).toBe(1)
    expect(constantOf(4, (pool, x) => pool.sort(x.map((id) => pool.linear([id], [-2]))))).toBe(2)
  })

  it('disjoint groups of three', () => {
    expect(constantOf(6, (pool, x) => [...pool.sort(x.slice(0, 3)), ...pool.sort(x.slice(3))])).toBe(1)
  })

  it('sorting of sorted groups, and pooling of them', () => {
    expect(
      constantOf(4, (pool, [a, b, c, d]) => {
        const [low, high] = [
          [pool.min([a!, b!]), pool.min([c!, d!])],
          [pool.max([a!, b!]), pool.max([c!, d!])],
        ]
        return [low, high].flatMap((pair) => pool.sort(pair.map((id) => pool.linear([id], [1]))))
      }),
    ).toBeGreaterThanOrEqual(1)
    expect(
      constantOf(4, (pool, [a, b, c, d]) => {
        const pairs = [pool.sort([a!, b!]), pool.sort([c!, d!])]
        return [0, 1].map((k) => pool.sqrt(pool.linear([meanSquare(pool, [pairs[0]![k]!, pairs[1]![k]!])], [2])))
      }),
    ).toBe(1)
  })
})

describe('near misses do not have constant 1', () => {
  const root2 = Math.SQRT2
  const cases: Record<string, [number, (p: FusionPool, x: Ids) => Ids, number]> = {
    'max used twice': [2, (p, [a, b]) => [p.max([a!, b!]), p.max([a!, b!])], root2],
    'max(a, b) with min(a, c)': [3, (p, [a, b, c]) => [p.max([a!, b!]), p.min([a!, c!])], root2],
    'overlapping groups': [
      3,
      (p, [a, b, c]) => [p.max([a!, b!]), p.min([a!, b!]), p.max([b!, c!]), p.min([b!, c!])],
      root2,
    ],
    'max beside its argument': [2, (p, [a, b]) => [p.max([a!, b!]), a!], root2],
    'half of max': [2, (p, [a, b]) => [p.linear([p.max([a!, b!])], [1.5]), p.min([a!, b!])], 1.5],
    'relu form with a wrong sign': [2, (p, [a, b]) => [add(p, a!, relu(p, sub(p, a!, b!))), b!], 2],
    'relu form scaled': [2, (p, [a, b]) => [add(p, b!, p.linear([relu(p, sub(p, a!, b!))], [1.5]))], 1.5],
    'copy twice': [1, (_, [a]) => [a!, a!], root2],
  }
  for (const [name, [count, build, atLeast]] of Object.entries(cases))
    it(name, () => expect(constantOf(count, build)).toBeGreaterThanOrEqual(atLeast))

  it.each([0, 1, 2])(
    'a sorted triple with rank %i doubled or halved: the largest weight counts, whenever it arrives',
    (rank) => {
      const scaledBy = (factor: number) =>
        constantOf(3, (p, x) => p.sort(x).map((id, k) => (k === rank ? p.linear([id], [factor]) : id)))
      expect(scaledBy(2)).toBe(2)
      expect(scaledBy(0.5)).toBe(1)
    },
  )
})

describe('L2 pooling', () => {
  const scaled = (pool: FusionPool, id: number, factor: number): number => pool.linear([id], [factor])
  it('sqrt(k mean of squares) is 1 for k = 4, in every spelling', () => {
    expect(constantOf(4, (p, x) => [p.sqrt(scaled(p, meanSquare(p, x), 4))])).toBe(1)
    // Pow, AveragePool, Sign * Relu(Abs), Mul, Pow
    const signed = (p: FusionPool, q: number): number => p.multiply(p.sign(q), relu(p, p.abs(q)))
    expect(constantOf(4, (p, x) => [p.sqrt(scaled(p, signed(p, meanSquare(p, x)), 4))])).toBe(1)
    expect(constantOf(4, (p, x) => [p.sqrt(p.multiply(p.constant(4), signed(p, meanSquare(p, x))))])).toBe(1)
    expect(constantOf(4, (p, x) => [scaled(p, p.sqrt(meanSquare(p, x)), 2)])).toBe(1)
    expect(constantOf(4, (p, x) => [p.sqrt(p.max([scaled(p, meanSquare(p, x), 4), p.constant(1e-6)]))])).toBe(1)
    expect(
      constantOf(4, (p, x) => [p.sqrt(p.linear([scaled(p, meanSquare(p, x), 4), p.constant(1e-6)], [1, 1]))]),
    ).toBe(1)
  })
  it('k = 9 pays for the rounding of 1/9', () => {
    const bound = constantOf(9, (p, x) => [p.sqrt(scaled(p, meanSquare(p, x), 9))])
    expect(bound).toBeGreaterThanOrEqual(1)
    expect(bound).toBeLessThan(1 + 1e-14)
  })
  it('a wrong factor shows', () => {
    expect(constantOf(4, (p, x) => [p.sqrt(scaled(p, meanSquare(p, x), 5))])).toBeGreaterThan(1.118)
    expect(constantOf(4, (p, x) => [p.sqrt(scaled(p, meanSquare(p, x), 4)), x[0]!])).toBeGreaterThan(1.41)
  })
  it('a square, a sign, a root of anything else has none', () => {
    const infinite = Number.POSITIVE_INFINITY
    expect(constantOf(1, (p, [x]) => [p.multiply(x!, x!)])).toBe(infinite)
    expect(constantOf(1, (p, [x]) => [p.sign(x!)])).toBe(infinite)
    expect(constantOf(1, (p, [x]) => [p.sqrt(p.abs(x!))])).toBe(infinite)
    expect(constantOf(1, (p, [x]) => [p.sqrt(p.linear([p.multiply(x!, x!), p.constant(1)], [1, -1]))])).toBe(infinite)
    expect(constantOf(2, (p, [x, y]) => [p.multiply(x!, y!)])).toBe(infinite)
    expect(constantOf(2, (p, [x, y]) => [p.sqrt(sub(p, p.multiply(x!, x!), p.multiply(y!, y!)))])).toBe(infinite)
    expect(constantOf(1, (p, [x]) => [p.multiply(p.sign(x!), pool2(p, x!))])).toBe(infinite)
  })
  const pool2 = (p: FusionPool, x: number): number => add(p, x, p.constant(1))
})

describe('pieces', () => {
  it('leaky relu is max(1, slope)', () => {
    const leaky =
      (slope: number) =>
      (p: FusionPool, [x]: Ids) => [p.max([x!, p.linear([x!], [slope])])]
    expect(constantOf(1, leaky(Math.fround(0.1)))).toBe(1)
    expect(constantOf(1, leaky(3))).toBe(3)
  })
  it('relu(a - b) is sqrt 2, not 2', () => {
    const bound = constantOf(2, (p, [a, b]) => [relu(p, sub(p, a!, b!))])
    expect(bound).toBeGreaterThanOrEqual(Math.SQRT2)
    expect(bound).toBeLessThan(1.41422)
  })
})

describe('several bases', () => {
  it('a sum of branches is as good as the triangle inequality', () => {
    const pool = createExpressionPool()
    const [x, y] = [[...pool.open(0, 4)], [...pool.open(1, 4)]]
    const [a, b] = [Math.fround(0.3), Math.fround(0.7)]
    const ids = x.map((id, k) => pool.linear([id, pool.max([y[k]!, pool.constant(0)])], [a, b]))
    const scales = [1, 0.5]
    const bound = boundBlocks(pool.store, ids, (base) => scales[base]!)!
    const total = Math.hypot(...scales.map((scale, base) => scale * bound.get(base)!))
    expect(total).toBeGreaterThanOrEqual(a + b / 2)
    expect(total).toBeLessThan((a + b / 2) * (1 + 1e-12))
  })
  it('concatenation adds in quadrature', () => {
    const pool = createExpressionPool()
    const [x, y] = [[...pool.open(0, 3)], [...pool.open(1, 2)]]
    const bound = boundBlocks(pool.store, [...x.map((id) => pool.linear([id], [2])), ...y])!
    expect([bound.get(0), bound.get(1)]).toEqual([2, 1])
  })
})

it('one question leaves nothing behind for the next, nor for one that it asks itself', () => {
  const pool = createExpressionPool()
  const [x, y] = [[...pool.open(0, 4)], [...pool.open(1, 4)]]
  const sorted = pool.sort(x)
  const sums = x.map((id, k) => pool.linear([id, y[k]!], [1, 2]))
  const alone = (ids: readonly number[], scale?: (base: number) => number) => boundBlocks(pool.store, ids, scale)
  const expected = alone(sums, () => 1)
  expect(alone(sorted)!.get(0)).toBe(1)
  // No constant, found out in the middle.
  expect(alone([...sorted, ...sums, meanSquare(pool, x)])).toBeUndefined()
  expect(alone(sorted)!.get(0)).toBe(1)
  expect(
    alone(sums, () => {
      expect(alone(sorted)!.get(0)).toBe(1)
      expect(alone([pool.multiply(x[0]!, x[0]!)])).toBeUndefined()
      return 1
    }),
  ).toEqual(expected)
  expect(alone(sorted)!.get(0)).toBe(1)
})

it('a coefficient that cancels in float64 only is not taken for zero', () => {
  const [a, b] = [Math.fround(0.1), Math.fround(0.3)]
  const bound = constantOf(1, (p, [x]) => [
    p.linear([p.linear([p.linear([p.linear([x!], [a])], [b])], [b]), x!], [1, -(a * b * b)]),
  ])
  expect(bound).toBeGreaterThan(0)
  expect(bound).toBeLessThan(1e-15)
})

it('12,544 elements take a fraction of a second', () => {
  const pool = createExpressionPool()
  const x = pool.open(0, 12544)
  // Processor time: the wall clock says more about the machine's other tenants.
  const started = process.cpuUsage()
  const sorted = new Float64Array(x.length)
  for (let k = 0; k < x.length; k += 2) {
    sorted[k] = pool.min([x[k]!, x[k + 1]!])
    sorted[k + 1] = pool.max([x[k]!, x[k + 1]!])
  }
  const squares = sorted.map((id) => pool.multiply(id, id))
  const pooled: number[] = []
  for (let k = 0; k < x.length; k += 8)
    for (const parity of [0, 1])
      pooled.push(
        pool.sqrt(
          pool.linear(
            [0, 2, 4, 6].map((i) => squares[k + i + parity]!),
            [1, 1, 1, 1],
          ),
        ),
      )
  expect(boundBlocks(pool.store, sorted)!.get(0)).toBe(1)
  expect(boundBlocks(pool.store, pooled)!.get(0)).toBe(1)
  expect(process.cpuUsage(started).user / 1e6).toBeLessThan(2)
})
