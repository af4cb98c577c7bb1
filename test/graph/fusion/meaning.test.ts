/**
 * Fusion rewrites: max + min = a + b, c max(x) = max(c x), |p - q| = max - min and a dozen more, each looking at the results of the
 * others. Whatever it makes of an expression has to be worth what the expression is worth, at every point; and the constants
 * that are proved from what it made have to hold for what was meant.
 */
import { describe, expect, it } from 'vitest'
import { LipError } from '../../../src/errors.ts'
import { evaluate } from '../../../src/graph/evaluate.ts'
import { boundBlocks } from '../../../src/graph/fusion/block-bound.ts'
import { createExpressionPool } from '../../../src/graph/fusion/expression-pool.ts'
import { runSymbolically } from '../../../src/graph/fusion/symbolic-run.ts'
import { prepare } from '../../../src/graph/prepare.ts'
import { type RandomStream, randomStream } from '../../../src/linalg/random.ts'
import { OPAQUE } from '../../../src/ops/symbolic.ts'
import { randomGraph } from '../../soundness/random-graph.ts'
import { expressionValue } from './expression-value.ts'

/** More of them, and other ones, with LIP_ONNX_SLOW and LIP_ONNX_FUZZ_SEED. */
const FIRST = Number(process.env.LIP_ONNX_FUZZ_SEED ?? 1)
const EXPRESSIONS = process.env.LIP_ONNX_SLOW ? 40_000 : 1200
const GRAPHS = process.env.LIP_ONNX_SLOW ? 4000 : 150

type Point = readonly number[]

/** What the pool made, and what it was asked for. */
interface Dish {
  readonly id: number
  readonly meant: (x: Point) => number
  readonly text: string
}

const NUMBERS = [0, 0, 1, -1, 0.5, 2, -0.5, 3, 0.1, 1 / 3]

/** Expressions over a few leaves, later ones made of earlier ones. */
function randomDishes(r: RandomStream, leaves: number) {
  const pool = createExpressionPool()
  const pick = <T>(list: readonly T[]): T => list[r.integer(list.length)]!
  const dishes: Dish[] = [...pool.open(0, leaves)].map((id, k) => ({ id, meant: (x) => x[k]!, text: `x${k}` }))
  const two = (a: Dish, b: Dish): readonly Dish[] => {
    const [p, q] = [pick(NUMBERS), pick(NUMBERS)]
    const both = (text: string, id: number, meant: Dish['meant']): readonly Dish[] => [{ id, meant, text }]
    switch (r.integer(11)) {
      case 0:
        return both(`max(${a.text}, ${b.text})`, pool.max([a.id, b.id]), (x) => Math.max(a.meant(x), b.meant(x)))
      case 1:
        return both(`min(${a.text}, ${b.text})`, pool.min([a.id, b.id]), (x) => Math.min(a.meant(x), b.meant(x)))
      case 2:
        return both(
          `(${p} ${a.text} + ${q} ${b.text})`,
          pool.linear([a.id, b.id], [p, q]),
          (x) => p * a.meant(x) + q * b.meant(x),
        )
      case 3:
        return both(`|${a.text}|`, pool.abs(a.id), (x) => Math.abs(a.meant(x)))
      case 4:
        return both(`max(${a.text}, ${p})`, pool.max([a.id, pool.constant(p)]), (x) => Math.max(a.meant(x), p))
      case 5:
        return both(`min(${a.text}, ${p})`, pool.min([a.id, pool.constant(p)]), (x) => Math.min(a.meant(x), p))
      case 6:
        return both(`(${a.text} + ${p})`, pool.linear([a.id, pool.constant(p)], [1, 1]), (x) => a.meant(x) + p)
      case 7: {
        const list = [a, b, pick(dishes), pick(dishes)]
        return pool.sort(list.map(({ id }) => id)).map((id, rank) => ({
          id,
          meant: (x) => list.map(({ meant }) => meant(x)).sort((s, t) => s - t)[rank]!,
          text: `sorted(${list.map(({ text }) => text)})[${rank}]`,
        }))
      }
      case 8:
        return both(
          `sign(${a.text}) ${b.text}`,
          pool.multiply(pool.sign(a.id), b.id),
          (x) => Math.sign(a.meant(x)) * b.meant(x),
        )
      case 9: {
        const squares = [pool.multiply(a.id, a.id), pool.multiply(b.id, b.id), pool.constant(Math.abs(q))]
        return both(
          `root(${a.text}² + ${p * p} ${b.text}² + ${Math.abs(q)})`,
          pool.sqrt(pool.linear(squares, [1, p * p, 1])),
          (x) => Math.sqrt(a.meant(x) ** 2 + p * p * b.meant(x) ** 2 + Math.abs(q)),
        )
      }
      default: {
        const strict = r.integer(2) === 1
        const holds = (x: Point): boolean => (strict ? a.meant(x) > 0 : a.meant(x) >= 0)
        return both(
          `(${a.text} ${strict ? '>' : '>='} 0 ? ${p} ${a.text} + ${b.text} : ${b.text})`,
          pool.choose(pool.step(a.id, strict), pool.linear([a.id, b.id], [p, 1]), b.id),
          (x) => (holds(x) ? p * a.meant(x) : 0) + b.meant(x),
        )
      }
    }
  }
  for (let step = 2 + r.integer(9); step > 0; step--)
    dishes.push(...two(pick(dishes), pick(dishes)).filter(({ id }) => id !== OPAQUE))
  return { pool, dishes }
}

const pointOf = (r: RandomStream, length: number, k: number): number[] =>
  Array.from({ length }, () => (k % 2 === 0 ? Math.round(2 * r.normal()) / 2 : [0.1, 1, 5][k % 3]! * r.normal()))

describe('random expressions', () => {
  it('are worth what was asked for', { timeout: 600_000 }, () => {
    for (let seed = FIRST; seed < FIRST + EXPRESSIONS; seed++) {
      const r = randomStream(0xd15, seed)
      const leaves = 1 + r.integer(4)
      const { pool, dishes } = randomDishes(r, leaves)
      for (let k = 0; k < 8; k++) {
        const x = pointOf(r, leaves, k)
        const known = new Map<number, number>()
        for (const { id, meant, text } of dishes) {
          const [value, due] = [expressionValue(pool.store, id, (_, index) => x[index]!, known), meant(x)]
          const off = Math.abs(value - due) / (1 + Math.abs(due) + Math.max(...x.map(Math.abs)) ** 2)
          if (!(off < 1e-9)) expect.fail(`seed ${seed}: ${text} at ${x} is ${due}, not ${value}`)
        }
      }
    }
  })

  it('sorted from the other end where all are multiplied by a negative number', () => {
    const pool = createExpressionPool()
    const x = [4, -1, 3, 7]
    const scaled = [...pool.open(0, 4)].map((id) => pool.linear([id], [-2]))
    const values = pool.sort(scaled).map((id) => expressionValue(pool.store, id, (_, index) => x[index]!))
    expect(values).toEqual([-14, -8, -6, 2])
  })

  it('move no further than is proved', { timeout: 600_000 }, () => {
    let proved = 0
    for (let seed = FIRST; seed < FIRST + EXPRESSIONS; seed++) {
      const r = randomStream(0xd15, seed)
      const leaves = 1 + r.integer(4)
      const { pool, dishes } = randomDishes(r, leaves)
      const outputs = dishes.slice(-1 - r.integer(4))
      const bound = boundBlocks(
        pool.store,
        outputs.map(({ id }) => id),
      )
      if (!bound) continue
      proved++
      for (let k = 0; k < 40; k++) {
        const x = pointOf(r, leaves, k)
        const step = [1e-5, 1e-2, 0.5, 3][k % 4]!
        const y = x.map((v) => v + step * (r.integer(3) === 0 ? 0 : r.normal()))
        const moved = Math.hypot(...outputs.map(({ meant }) => meant(x) - meant(y)))
        const limit: number = (bound.get(0) ?? 0) * Math.hypot(...x.map((v, i) => v - y[i]!))
        if (!(moved <= limit * (1 + 1e-9) + 1e-11))
          expect.fail(`seed ${seed}: ${outputs.map(({ text }) => text)} moves by ${moved}, at most ${limit} was proved`)
      }
    }
    expect(proved).toBeGreaterThan(EXPRESSIONS / 2)
  })
})

describe('random graphs', () => {
  it('are worth, as expressions over their bases, what they evaluate to', { timeout: 600_000 }, () => {
    for (let seed = FIRST; seed < FIRST + GRAPHS; seed++) {
      const { model, trail } = randomGraph(seed)
      let program: ReturnType<typeof prepare>
      try {
        program = prepare(model, { batch: 1 })
      } catch (error) {
        if (error instanceof LipError) continue
        throw error
      }
      if (program.refused.length > 0) continue
      const { pool, bases, tensors } = runSymbolically(program)
      const r = randomStream(0xd16, seed)
      for (let k = 0; k < 3; k++) {
        const feeds = new Map(
          program.inputs.map(({ name, type, dims }) => {
            const size = dims.reduce((n, dim) => n * dim, 1)
            return [name, { type, dims, data: Float64Array.from(pointOf(r, size, k)) }] as const
          }),
        )
        const all = evaluate(program, feeds, [...tensors.keys()])
        const leaf = (base: number, index: number): number => all.get(bases[base]!)!.data[index]!
        // Where a base is no number (0 / 0, the root of -1), nothing is said.
        if (bases.some((name) => !all.get(name)!.data.every(Number.isFinite))) continue
        const known = new Map<number, number>()
        for (const [name, { ids, base }] of tensors) {
          if (base !== undefined) continue
          all.get(name)!.data.forEach((due, i) => {
            if (!Number.isFinite(due)) return
            const value = expressionValue(pool.store, ids[i]!, leaf, known)
            const off = Math.abs(value - due) / (1 + Math.abs(due))
            if (!(off < 1e-5)) expect.fail(`seed ${seed}, ${name}[${i}] is ${due}, not ${value}: ${trail.join(' ')}`)
          })
        }
      }
    }
  })
})
