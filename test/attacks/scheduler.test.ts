import { describe, expect, it } from 'vitest'
import { seedWeights } from '../../src/attacks/criterion.ts'
import { type Collective, gradientQuery, logitsQuery, type Task, together } from '../../src/attacks/query.ts'
import { runTasks } from '../../src/attacks/scheduler.ts'
import { affine, victimOf } from './analytic-victim.ts'

// z = (x0 + 10 x1, x2)
const NETWORK = affine(
  [
    [1, 10, 0],
    [0, 0, 1],
  ],
  [0, 0],
)

/** Asks for `rows` rows of logits and gradients and records what came back. */
function* ask(key: number, rows: number, rounds: number, into: Map<number, number[]>): Task {
  const query = gradientQuery(3, 2, rows)
  const look = logitsQuery(3, 2, rows)
  const seen: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (let row = 0; row < rows; row++) {
      query.points.set([key / 100, round / 100, row / 100], row * 3)
      look.points.set([row / 100, key / 100, 0], row * 3)
      seedWeights(query, row, [row + 1, -1], 2)
    }
    yield [query, look]
    for (let row = 0; row < rows; row++) {
      seen.push(...query.logits.subarray(row * 2, row * 2 + 2), ...query.gradients.subarray(row * 3, row * 3 + 3))
      seen.push(...look.logits.subarray(row * 2, row * 2 + 2))
    }
  }
  into.set(key, seen)
}

describe('scheduler', () => {
  it('answers every row of every task, however queries are cut into batches', async () => {
    const expected = new Map<number, number[]>()
    const plan = [1, 5, 40, 3, 7, 1, 33, 2]
    for (const capacity of [64, 1, 7, 32]) {
      const seen = new Map<number, number[]>()
      const { oracle } = victimOf(NETWORK, { capacity })
      const rows = { gradient: 0, logits: 0 }
      const ended = await runTasks(
        oracle,
        plan.map((n, key) => ask(key, n, 3, seen)),
        {
          onRows: (_, kind, n) => {
            rows[kind] += n
          },
        },
      )
      expect(ended).toBe('finished')
      expect(rows).toEqual({ gradient: 3 * 92, logits: 3 * 92 })
      if (expected.size === 0) for (const [key, values] of seen) expected.set(key, values)
      expect(seen).toEqual(expected)
    }
    // One row spelled out: key 2, round 1, row 3.
    const at = (1 * 40 + 3) * 7
    const f = Math.fround
    expect(
      expected
        .get(2)!
        .slice(at, at + 7)
        .map((v) => Math.round(v * 1e5) / 1e5),
    ).toEqual([0.02 + 0.1, 0.03, 4, 40, -1, 0.03 + 0.2, 0].map((v) => Math.round(f(v) * 1e5) / 1e5))
  })

  it('keeps the batch full: tasks enter as others leave', async () => {
    const { oracle, calls } = victimOf(NETWORK, { capacity: 8 })
    const one = function* (): Task {
      const query = logitsQuery(3, 2)
      for (let k = 0; k < 10; k++) yield query
    }
    await runTasks(oracle, Array.from({ length: 80 }, one))
    expect(calls.batches).toBe(100)
  })

  it('adds up collectives over all samples', async () => {
    const totals: number[] = []
    const summing = function* (value: number): Task {
      const sum: Collective = { kind: 'sum', value, total: 0 }
      const query = logitsQuery(3, 2)
      for (let k = 0; k < 3; k++) {
        yield query
        sum.value = value * (k + 1)
        yield sum
        totals.push(sum.total)
      }
    }
    const { oracle } = victimOf(NETWORK, { capacity: 2 })
    await runTasks(oracle, [1, 2, 3, 4, 5].map(summing), { lockstep: true })
    expect(totals).toEqual([...new Array(5).fill(15), ...new Array(5).fill(30), ...new Array(5).fill(45)])
  })

  it('runs sub-tasks side by side and returns their results in order', async () => {
    const sub = function* (n: number): Task<number> {
      const query = logitsQuery(3, 2)
      for (let k = 0; k < n; k++) yield query
      return n
    }
    let result: number[] = []
    const { oracle, calls } = victimOf(NETWORK)
    await runTasks(oracle, [
      (function* (): Task {
        result = yield* together([sub(3), sub(0), sub(5)])
      })(),
    ])
    expect(result).toEqual([3, 0, 5])
    expect(calls.batches).toBe(5)
  })

  it('an error inside an attack surfaces', async () => {
    const { oracle } = victimOf(NETWORK)
    const broken = function* (): Task {
      yield logitsQuery(3, 2)
      throw new Error('broken attack')
    }
    await expect(runTasks(oracle, [broken()])).rejects.toThrow('broken attack')
  })
})
