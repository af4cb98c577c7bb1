import { describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { examine, executedError } from './examine.ts'
import { randomGraph } from './random-graph.ts'

/** Graphs by seed: more of them, and other ones, with LIP_ONNX_SLOW and LIP_ONNX_FUZZ_SEED. */
const FIRST = Number(process.env.LIP_ONNX_FUZZ_SEED ?? 1)
const COUNT = process.env.LIP_ONNX_SLOW ? 4000 : 200
const CHUNK = 50

describe('random graphs: no pair of points is further apart than the bound allows', () => {
  let proved = 0
  for (let start = 0; start < COUNT; start += CHUNK)
    it(`seeds ${FIRST + start} to ${FIRST + start + CHUNK - 1}`, { timeout: 600_000 }, async () => {
      for (let seed = FIRST + start; seed < FIRST + start + CHUNK; seed++) {
        const { model, trail } = randomGraph(seed)
        // A graph that cannot be is refused as such; anything else that is thrown is a bug.
        const result = await examine(model, seed, process.env.LIP_ONNX_SLOW ? 7 : 3).catch((error: unknown) => {
          if (error instanceof LipError && error.code === 'MODEL_INVALID') return undefined
          throw new Error(`seed ${seed} (${trail.join(' ')}): ${(error as Error).message}`, { cause: error })
        })
        if (result?.found) proved++
        expect(result?.refuted ?? [], `seed ${seed}: ${trail.join(' ')}`).toEqual([])
        if (!result?.found) continue
        const r = randomStream(0xe8ec, seed)
        const points = [1, 0.01, 100].map((size) =>
          Float32Array.from({ length: result.analysis.inputSize }, () => size * r.normal()),
        )
        // What onnxruntime has no kernel for is not executed.
        const error = await executedError(model, result.analysis, points).catch(() => 0)
        expect(error, `seed ${seed}, executed: ${trail.join(' ')}`).toBeLessThanOrEqual(1)
      }
    })
  it('most of them have a bound to be refuted', () => expect(proved).toBeGreaterThan(COUNT / 2))
})
