import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { writeModel } from '../../src/onnx/write.ts'
import { oneOfBatch } from '../../src/verify/one-of-batch.ts'
import { type VerifyOptions, verifyModel } from '../../src/verify/verify-model.ts'
import { smallModel } from './small-models.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-batch-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

let made = 0
async function verify(model: Model, options: VerifyOptions) {
  const path = join(folder, `${made++}.onnx`)
  await writeModel(model, path)
  return verifyModel(path, options)
}

const data = { dataset: 'shapes', samples: 21, attackSamples: 4, conformanceSamples: 5 } as const

/** Two inputs, two outputs, with Reshape nodes between that write the batch out, and what is done to the rows in the middle. */
function reshaped(
  batch: number | string,
  middle: (b: GraphBuilder, x: string) => string = (_, x) => x,
  into: readonly number[] = [8, 1, 2, 1],
): Model {
  const b = new GraphBuilder({ producerName: 'test' })
  const x = b.input('x', [batch, 2])
  const shape = (name: string, dims: readonly number[]) => b.initializer(name, [dims.length], dims, 'int64')
  const images = b.node('Reshape', [x, shape('to_image', into)])
  const flat = b.node('Reshape', [middle(b, images), shape('to_row', [8, -1])])
  const logits = b.node('Gemm', [flat, b.initializer('w', [2, 2], Float32Array.of(0.6, 0.8, -0.8, 0.6))], {})
  b.output(logits, [batch, 2])
  return b.build()
}

describe('a file that fixes a batch of 8', () => {
  it('has the certificates of the same file with an open batch, the last run padded', async () => {
    const [fixed, open] = await Promise.all([
      verify(smallModel({ claims: true, batch: 8 }), data),
      verify(smallModel({ claims: true }), data),
    ])
    expect(fixed.exitCode).toBe(0)
    expect(fixed.lipschitz).toEqual(open.lipschitz)
    expect(fixed.certificates!.count).toBe(21)
    for (const [i, sample] of fixed.certificates!.samples.entries()) {
      const same = open.certificates!.samples[i]!
      expect(sample.predicted).toBe(same.predicted)
      // Another batch may round otherwise, within what is paid for.
      expect(sample.radius).toBeCloseTo(same.radius, 4)
    }
    expect(fixed.conformance!.worstRatio).toBeLessThanOrEqual(1)
    expect(fixed.attacks[0]!.samples.length).toBeGreaterThanOrEqual(4)
    expect(fixed.attacks[0]!.minRatio ?? 1).toBeGreaterThanOrEqual(1)
  })

  it('is found behind Reshape nodes that write the batch out', () => {
    const found = oneOfBatch(reshaped(8))
    expect(found).toMatchObject({ batch: 8, reason: undefined })
    expect(found!.program!.batch).toBe(1)
    expect(found!.program!.refused).toEqual([])
  })

  it.each<[string, Model, RegExp]>([
    [
      'a sum over the batch',
      reshaped(8, (b, x) =>
        b.node('Sub', [x, b.node('ReduceMean', [x, b.initializer('axes', [1], [0], 'int64')], {})]),
      ),
      /rows may influence each other/,
    ],
    [
      'rows that are treated apart',
      reshaped(8, (b, x) =>
        b.node('Mul', [
          x,
          b.initializer(
            'by_row',
            [8, 1, 1, 1],
            Float32Array.from({ length: 8 }, (_, i) => 1 + i),
          ),
        ]),
      ),
      /rows|one sample/,
    ],
    ['two samples in a row', reshaped(8, undefined, [4, 1, 4, 1]), /./],
  ])('is not one of single samples: %s', async (_, model, reason) => {
    const found = oneOfBatch(model)
    expect(found!.program).toBeUndefined()
    expect(found!.reason).toMatch(reason)
  })

  it('says why there are no certificates', async () => {
    const model = reshaped(8, (b, x) =>
      b.node('Mul', [
        x,
        b.initializer(
          'by_row',
          [8, 1, 1, 1],
          Float32Array.from({ length: 8 }, (_, i) => 1 + i),
        ),
      ]),
    )
    await expect(verify(model, { dataset: 'two-moons', samples: 9 })).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
      exitCode: 2,
      message: expect.stringMatching(/^Certificates are about one sample, and the file fixes a batch of 8: /),
    })
    // The bound alone is about the whole batch.
    expect((await verify(model, {})).lipschitz.joint.upper).toBeGreaterThanOrEqual(8)
  })

  it('with a node without a rule says that, for nothing else would be true of it', () => {
    expect(oneOfBatch(smallModel({ custom: true, batch: 8 }))).toEqual({
      program: undefined,
      batch: 8,
      reason: 'it has nodes without a rule',
    })
  })

  it('leaves open batches and batches of 1 alone', () => {
    expect(oneOfBatch(smallModel())).toBeUndefined()
    expect(oneOfBatch(smallModel({ batch: 1 }))).toBeUndefined()
  })
})
