import { readFileSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { encodeModel, writeModel } from '../../src/onnx/write.ts'
import { renderJson } from '../../src/report/json.ts'
import type { Report } from '../../src/report/report.ts'
import { verifyModel } from '../../src/verify/verify-model.ts'
import { type SmallModelOptions, smallModel } from './small-models.ts'

const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-verify-'))
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(
  JSON.parse(readFileSync('schemas/report.schema.json', 'utf8')),
)

async function saved(name: string, options: SmallModelOptions = {}): Promise<string> {
  const path = join(folder, `${name}.onnx`)
  await writeModel(smallModel(options), path)
  return path
}

const data = { dataset: 'shapes', samples: 24, attackSamples: 4, provider: 'cpu' } as const
const status = (report: Report) => Object.fromEntries(report.gates.map((gate) => [gate.id, gate.status]))

describe('the bound alone', () => {
  it('passes at 1 what is 1-Lipschitz, with claims and without', async () => {
    for (const claims of [true, false]) {
      const report = await verifyModel(await saved(`good-${claims}`, { claims }))
      expect(report).toMatchObject({ verdict: 'pass', exitCode: 0 })
      expect(report.lipschitz.logit.upper).toBeLessThanOrEqual(1)
      expect(report.lipschitz.logit.lower).toBeGreaterThan(0.3)
      expect(validate(JSON.parse(renderJson(report)))).toBe(true)
    }
  })

  it('a layer scaled by 1.05 disproves its claim (1), and without metadata is never green', async () => {
    const claimed = await verifyModel(await saved('scaled-claimed', { scale: 1.05, claims: true }))
    expect(claimed.exitCode).toBe(1)
    expect(status(claimed)['claim:conv1']).toBe('fail')
    const silent = await verifyModel(await saved('scaled', { scale: 1.05 }))
    expect([1, 2]).toContain(silent.exitCode)
  })

  it('metadata proves nothing: the same weights with and without claims have the same bounds', async () => {
    const [a, b] = await Promise.all([
      verifyModel(await saved('m1', { scale: 1.3, claims: true })),
      verifyModel(await saved('m2', { scale: 1.3 })),
    ])
    expect(a!.lipschitz).toEqual(b!.lipschitz)
  })

  it('a proved violation of the network is 1', async () => {
    const report = await verifyModel(await saved('violating', { scale: 3 }))
    expect(report).toMatchObject({ verdict: 'violated', exitCode: 1 })
    expect(report.lipschitz.logit.lower).toBeGreaterThan(1)
  })

  it('a node without a rule is inconclusive, by name', async () => {
    const report = await verifyModel(await saved('custom', { custom: true }))
    expect(report).toMatchObject({ verdict: 'inconclusive', exitCode: 2 })
    expect(report.coverage.refused[0]).toMatchObject({ name: 'odd', op: 'Mystery' })
  })

  it('holds layers to their limit', async () => {
    const path = await saved('layers', { scale: 1.05 })
    expect((await verifyModel(path, { maxLipschitz: '1.2', maxLayer: '1' })).exitCode).toBe(1)
    expect((await verifyModel(path, { maxLipschitz: '1.2', maxLayer: '1.06' })).exitCode).toBe(0)
  })

  it('a cut file cannot be read (4)', async () => {
    const bytes = encodeModel(smallModel())
    const path = join(folder, 'cut.onnx')
    await writeFile(path, bytes.subarray(0, bytes.length / 2))
    await expect(verifyModel(path)).rejects.toMatchObject({ exitCode: 4 })
  })
})

describe('with data', () => {
  it('certifies, conforms, attacks, and passes', async () => {
    const report = await verifyModel(await saved('data'), data)
    expect(report.exitCode).toBe(report.certificates!.correct > 0 ? 0 : 2)
    expect(status(report)).toMatchObject({ lipschitz: 'pass', conformance: 'pass', 'attack:auto': 'pass' })
    expect(report.certificates!.samples.map((sample) => sample.index)).toEqual(Array.from({ length: 24 }, (_, i) => i))
    for (const sample of report.certificates!.samples) {
      if (sample.predicted !== sample.label) expect(sample.radius).toBe(0)
      // Pair norms divide by at most 2, so the certificate loses to the seed's rule by rounding only.
      else expect(sample.radius).toBeGreaterThan(0.9 * sample.seedRadius - 1e-3)
    }
    expect(report.conformance!.worstRatio).toBeLessThan(0.5)
    expect(report.runtime.provider).toBe('cpu')
    expect(validate(JSON.parse(renderJson(report)))).toBe(true)
  })

  it('is the same bytes but for timing, and shards add up to the whole', async () => {
    const path = await saved('twice')
    const once = await verifyModel(path, data)
    const again = await verifyModel(path, data)
    const bytes = (report: Report) => renderJson({ ...report, timing: {} })
    expect(bytes(again)).toBe(bytes(once))
    const shards = await Promise.all(
      [1, 2, 3].map((index) => verifyModel(path, { ...data, attacks: [], shard: { index, count: 3 } })),
    )
    const together = shards.flatMap((report) => report.certificates!.samples).sort((a, b) => a.index - b.index)
    expect(together).toEqual(once.certificates!.samples)
    expect(shards[1]!.shard).toEqual({ index: 2, count: 3 })
  })

  it('a final Softmax changes no certificate', async () => {
    const plain = await verifyModel(await saved('plain'), { ...data, attacks: [] })
    const soft = await verifyModel(await saved('soft', { softmax: true }), { ...data, attacks: [] })
    expect(soft.certificates!.samples).toEqual(plain.certificates!.samples)
    expect(soft.runtime.assumptions.join(' ')).toMatch(/Softmax/)
  })

  it('a bias of 1e6 that cancels leaves the bound and takes every certificate', async () => {
    const report = await verifyModel(await saved('tampered', { bias: 1e6 }), { ...data, attacks: [] })
    expect(status(report)).toMatchObject({ lipschitz: 'pass', certificates: 'inconclusive' })
    expect(report.exitCode).toBe(2)
    expect(report.certificates!.samples.every((sample) => sample.radius === 0)).toBe(true)
  })

  it('data for another model is one sentence', async () => {
    await expect(
      verifyModel(await saved('fit'), { dataset: 'cifar-10', samples: 5, dataDir: folder }),
    ).rejects.toMatchObject({ exitCode: 4 })
    await expect(
      verifyModel(await saved('fit'), { dataset: 'shapes', inputs: 'x.npy', labels: 'y.npy' }),
    ).rejects.toThrow(/not both/)
    await expect(verifyModel(await saved('fit'), { inputs: 'x.npy' })).rejects.toThrow(/go together/)
  })

  it('a used-up time budget is 3', async () => {
    const report = await verifyModel(await saved('late'), { ...data, timeBudget: 1e-9 })
    expect(report).toMatchObject({ verdict: 'timeout', exitCode: 3 })
    // Layers that were not begun have no bound, and nothing is proved by what is missing.
    expect(report.lipschitz.logit.upper).toBeNull()
    expect(report.gates.some(({ status }) => status === 'fail')).toBe(false)
  })

  it('draws the first correct sample of each class, as given and as attacked', async () => {
    const report = await verifyModel(await saved('pictures'), { ...data, samples: 60 })
    const { samples } = report.certificates!
    for (const picture of report.pictures ?? []) {
      const first = samples.find((sample) => sample.label === picture.label && sample.predicted === sample.label)
      expect(picture.index).toBe(first!.index)
      expect(picture.original.length).toBe(784)
      expect(picture.distance ?? Number.POSITIVE_INFINITY).toBeGreaterThan(picture.radius)
    }
    expect(report.pictures?.length).toBe(
      new Set(samples.filter((s) => s.label === s.predicted).map((s) => s.label)).size || undefined,
    )
  })
})
