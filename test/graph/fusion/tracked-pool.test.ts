import { describe, expect, it } from 'vitest'
import { createTrackedPool, type TrackedPool } from '../../../src/graph/fusion/tracked-pool.ts'
import { type RandomStream, randomStream } from '../../../src/linalg/random.ts'
import { OPAQUE } from '../../../src/ops/symbolic.ts'

const U = 2 ** -24
const TINY = 2 ** -126
const RUNS = process.env.LIP_ONNX_SLOW ? 60_000 : 4000

/** A tracked expression, its real value, and the value that float32 makes of it. */
interface Tracked {
  readonly id: number
  readonly exact: number
  readonly executed: number
  readonly text: string
}

const FACTORS = [1, -1, 0.5, 2, -0.3, 3].map(Math.fround)

/** One random operation, executed in float32 operation by operation. */
function cook(pool: TrackedPool, pantry: readonly Tracked[], r: RandomStream): readonly Tracked[] {
  const pick = <T>(list: readonly T[]): T => list[r.integer(list.length)]!
  const [a, b] = [pick(pantry), pick(pantry)]
  const f = Math.fround
  const plain = (build: () => number): number => pool.run({ constantError: 0 }, build).result
  const one = (text: string, id: number, exact: number, executed: number): readonly Tracked[] => [
    { id, exact, executed, text },
  ]
  switch (r.integer(9)) {
    case 0: {
      const sign = pick([1, -1])
      const id = pool.rounded(
        plain(() => pool.linear([a.id, b.id], [1, sign])),
        1,
        2 * TINY,
      )
      return one(`(${a.text} + ${sign} ${b.text})`, id, a.exact + sign * b.exact, f(a.executed + sign * b.executed))
    }
    case 1: {
      const c = pick(FACTORS)
      const id = pool.rounded(
        plain(() => pool.multiply(a.id, pool.constant(c))),
        1,
        2 * TINY,
      )
      return one(`${c} ${a.text}`, id, c * a.exact, f(c * a.executed))
    }
    case 2: {
      // A sum of three products, as a Gemm executes it.
      const list = [a, b, pick(pantry)]
      const w = list.map(() => pick(FACTORS))
      const { result, aligned } = pool.run({ constantError: 0, alignment: true }, () =>
        pool.linear(
          list.map(({ id }) => id),
          w,
        ),
      )
      const id = aligned
        ? pool.rounded(result, 6 / (1 - 6 * U), 14 * TINY)
        : pool.rounded(result, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      const executed = list.reduce((sum, { executed }, k) => f(sum + f(w[k]! * executed)), 0)
      return one(
        `dot(${list.map(({ text }) => text)})`,
        id,
        list.reduce((sum, { exact }, k) => sum + w[k]! * exact, 0),
        executed,
      )
    }
    case 3:
      return one(
        `max(${a.text}, ${b.text})`,
        pool.max([a.id, b.id]),
        Math.max(a.exact, b.exact),
        Math.max(a.executed, b.executed),
      )
    case 4:
      return one(
        `min(${a.text}, ${b.text})`,
        pool.min([a.id, b.id]),
        Math.min(a.exact, b.exact),
        Math.min(a.executed, b.executed),
      )
    case 5:
      return one(`|${a.text}|`, pool.abs(a.id), Math.abs(a.exact), Math.abs(a.executed))
    case 6: {
      const list = [a, b, pick(pantry)]
      const sorted = (values: number[]) => values.sort((s, t) => s - t)
      const [exact, executed] = [sorted(list.map((t) => t.exact)), sorted(list.map((t) => t.executed))]
      return pool.sort(list.map(({ id }) => id)).map((id, k) => ({
        id,
        exact: exact[k]!,
        executed: executed[k]!,
        text: `sorted(${list.map((t) => t.text)})[${k}]`,
      }))
    }
    case 7: {
      const squares = [a, b].map(({ id, exact, executed }) => ({
        id: pool.rounded(pool.multiply(id, id), 1, 2 * TINY),
        exact: exact * exact,
        executed: f(executed * executed),
      }))
      const [p, q] = squares as [(typeof squares)[0], (typeof squares)[0]]
      const sum = pool.rounded(
        plain(() => pool.linear([p.id, q.id], [1, 1])),
        1,
        2 * TINY,
      )
      const id = pool.rounded(pool.sqrt(sum), 1, 2 * TINY)
      return one(
        `norm(${a.text}, ${b.text})`,
        id,
        Math.sqrt(p.exact + q.exact),
        f(Math.sqrt(f(p.executed + q.executed))),
      )
    }
    default: {
      const strict = r.integer(2) === 1
      const s = pick([1, -2, 0.5])
      const scaled = {
        id: pool.rounded(
          plain(() => pool.linear([a.id], [s])),
          1,
          2 * TINY,
        ),
        exact: s * a.exact,
        executed: f(s * a.executed),
      }
      const holds = (value: number) => (strict ? value > 0 : value >= 0)
      const id = pool.choose(pool.step(a.id, strict), scaled.id, pool.constant(0))
      return one(
        `(${a.text} > 0 ? ${s} ${a.text} : 0)`,
        id,
        holds(a.exact) ? scaled.exact : 0,
        holds(a.executed) ? scaled.executed : 0,
      )
    }
  }
}

/** The same under rounding that is as bad as it may be: every operation errs by what it is allowed, to either side. */
function adverse(pool: TrackedPool, pantry: readonly Tracked[], r: RandomStream): readonly Tracked[] {
  const pick = <T>(list: readonly T[]): T => list[r.integer(list.length)]!
  const [a, b] = [pick(pantry), pick(pantry)]
  const side = (): number => pick([1, -1, 0])
  const off = (made: Omit<Tracked, 'executed'>, executed: number): readonly Tracked[] => {
    const [ulps, tiny] = [pick([0, 1, 16]), pick([0, 0, 1e-9, 1e-4])]
    return [
      {
        ...made,
        id: pool.rounded(made.id, ulps, tiny),
        executed: executed * (1 + side() * ulps * U) + side() * tiny,
      },
    ]
  }
  const constantError = pick([0, 0, 2 ** -20])
  const wrong = (c: number): number => c * (1 + side() * constantError)
  const run = (build: () => number): number => pool.run({ constantError }, build).result
  switch (r.integer(8)) {
    case 0: {
      const c = pick([1, -1, 3, -50])
      const id = run(() => pool.linear([a.id, b.id], [c, 1]))
      return off(
        { id, exact: c * a.exact + b.exact, text: `(${c} ${a.text} + ${b.text})` },
        wrong(c) * a.executed + wrong(1) * b.executed,
      )
    }
    case 1: {
      const c = pick([2, -50, 0.01])
      const id = run(() => pool.multiply(a.id, pool.constant(c)))
      return off({ id, exact: c * a.exact, text: `${c} ${a.text}` }, wrong(c) * a.executed)
    }
    case 2:
      return off({ id: pool.multiply(a.id, a.id), exact: a.exact ** 2, text: `(${a.text})²` }, a.executed * a.executed)
    case 3: {
      const id = pool.sqrt(pool.multiply(a.id, a.id))
      return off({ id, exact: Math.abs(a.exact), text: `|${a.text}|` }, Math.abs(a.executed))
    }
    case 4:
      return off(
        { id: pool.max([a.id, b.id]), exact: Math.max(a.exact, b.exact), text: `max(${a.text}, ${b.text})` },
        Math.max(a.executed, b.executed),
      )
    case 5:
      return off({ id: pool.abs(a.id), exact: Math.abs(a.exact), text: `|${a.text}|` }, Math.abs(a.executed))
    case 6: {
      // What is asked about is off on its own.
      const s = pick([3, -20])
      const [asked] = off({ id: a.id, exact: a.exact, text: a.text }, a.executed) as [Tracked]
      const id = pool.choose(pool.step(asked.id, true), pool.linear([a.id], [s]), pool.constant(0))
      return off(
        { id, exact: a.exact > 0 ? s * a.exact : 0, text: `(${a.text} > 0 ? ${s} ${a.text} : 0)` },
        asked.executed > 0 ? s * a.executed : 0,
      )
    }
    default: {
      const id = pool.multiply(pool.sign(a.id), a.id)
      return off({ id, exact: Math.abs(a.exact), text: `sign ${a.text}` }, Math.sign(a.executed) * a.executed)
    }
  }
}

describe('what execution adds', () => {
  const check = (operation: typeof cook, size: (seed: number) => number): number => {
    let known = 0
    for (let seed = 1; seed <= RUNS; seed++) {
      const r = randomStream(0x7ac, seed)
      const pool = createTrackedPool()
      const pantry: Tracked[] = [...pool.open(0, 3)].map((id, k) => {
        const value = Math.fround(size(seed) * r.normal())
        return { id, exact: value, executed: value, text: `x${k}` }
      })
      for (let step = 0; step < 7; step++) {
        const made = operation(pool, pantry, r).filter(({ id }) => id !== OPAQUE)
        for (const { id, exact, executed, text } of made) {
          const { ulps, tiny } = pool.errorOf(id)
          if (!Number.isFinite(ulps)) continue
          known++
          const limit = ulps * U * Math.abs(exact) + tiny + 2 ** -48 * Math.abs(exact)
          if (!(Math.abs(executed - exact) <= limit))
            expect.fail(`seed ${seed}: ${text} is ${executed}, not ${exact} +- ${limit}`)
        }
        pantry.push(...made)
      }
    }
    return known
  }
  it('stays within the error that is carried along, in float32', { timeout: 600_000 }, () => {
    expect(check(cook, (seed) => [1, 1, 1e-20, 1e-38][seed % 4]!)).toBeGreaterThan(3 * RUNS)
  })
  it('and where every operation errs by all that it may', { timeout: 600_000 }, () => {
    expect(check(adverse, (seed) => [1, 1e-3, 1e-5][seed % 3]!)).toBeGreaterThan(2 * RUNS)
  })

  it('expressions keep their numbers however many errors there are', { timeout: 60_000 }, () => {
    const pool = createTrackedPool()
    const [x] = pool.open(0, 8).slice(3)
    let last = OPAQUE
    // One error for every element of a large tensor; a pair beyond 2^53 would lose the odd numbers.
    for (let k = 1; k <= 2 ** 18 + 2; k++) last = pool.rounded(x!, 1, k * TINY)
    expect(pool.expressionOf(last)).toBe(x)
    expect(last + 2 ** 50 - last).toBe(2 ** 50)
    expect(pool.errorOf(last).tiny).toBe(Number.POSITIVE_INFINITY)
    expect(pool.errorOf(pool.rounded(x!, 1, TINY)).ulps).toBeLessThan(2)
  })
})
