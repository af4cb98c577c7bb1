import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { analyse, certify, checkConformance, explain, ledgerOf, withLowerBounds } from '../../src/lipschitz/index.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { readModel } from '../../src/onnx/read.ts'

const ZOO = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'
const DATA = process.env.LIP_ONNX_DATA ?? '../shared/data'
const present = existsSync(`${ZOO}/manifest.json`) && existsSync(`${DATA}/fashion-mnist/t10k-images-idx3-ubyte.gz`)
if (!present) console.log(`skipped: no files of other exporters in ${ZOO}, or no data in ${DATA}`)

interface Entry {
  readonly file: string
  readonly empiricalLipschitzLower: number
}

const entries: readonly Entry[] = present ? JSON.parse(readFileSync(`${ZOO}/manifest.json`, 'utf8')) : []

function logitsOf(file: string): Float32Array {
  const raw = readFileSync(`${ZOO}/${file.replace('.onnx', '.logits.npy')}`)
  return new Float32Array(raw.buffer.slice(raw.byteOffset + raw.length - 256 * 10 * 4, raw.byteOffset + raw.length))
}

function testSet(): { image(i: number): Float32Array; label(i: number): number } {
  const open = (name: string): Buffer => gunzipSync(readFileSync(`${DATA}/fashion-mnist/${name}`))
  const [images, labels] = [open('t10k-images-idx3-ubyte.gz'), open('t10k-labels-idx1-ubyte.gz')]
  return {
    image: (i) => Float32Array.from(images.subarray(16 + 784 * i, 16 + 784 * (i + 1)), (v) => v / 255),
    label: (i) => labels[8 + i]!,
  }
}

describe.skipIf(!present)('files of other exporters', () => {
  for (const { file, empiricalLipschitzLower } of entries)
    it(file, async () => {
      const { model } = await readModel(`${ZOO}/${file}`)
      const data = testSet()
      const program = prepare(model, { batch: 1 })
      const analysis = withLowerBounds(await analyse(program), [Float64Array.from(data.image(0))], {
        steps: 3,
        candidates: 1,
      })
      const { logit, joint, pair, features } = analysis.bounds
      expect(analysis.coverage.refused).toEqual([])
      for (const bound of [logit, joint, pair, features]) {
        expect(bound.upper).not.toBeNull()
        expect(bound.lower).toBeGreaterThan(0)
        expect(bound.lower).toBeLessThanOrEqual(bound.upper!)
      }
      // In float64 on another machine: a relative 1e-6 for its own rounding, no more.
      expect(joint.upper!).toBeGreaterThanOrEqual(empiricalLipschitzLower * (1 - 1e-6))
      expect(joint.upper! * Math.SQRT2).toBeGreaterThanOrEqual(pair.upper! * (1 - 1e-12))
      expect(analysis.layers.length).toBeGreaterThan(2)
      for (const layer of analysis.layers) expect(layer.lower).toBeLessThanOrEqual(layer.upper!)
      if (file.startsWith('torchlip')) expect(logit.upper!).toBeLessThanOrEqual(1.01)
      if (file === 'plain-cnn.onnx') expect(logit.lower).toBeGreaterThan(1)

      const all = logitsOf(file)
      const samples = Array.from({ length: 256 }, (_, index) => {
        const image = data.image(index)
        return {
          index,
          label: data.label(index),
          inputNorm: vectorNormUpper(image),
          logits: all.subarray(10 * index, 10 * index + 10),
        }
      })
      const certificates = samples.map((sample) => certify(analysis, sample))
      for (const { radius, label, predicted, radiusL1, radiusLinf } of certificates) {
        if (label !== predicted) expect(radius).toBe(0)
        expect(radiusL1).toBe(radius)
        expect(radiusLinf! * 28).toBeLessThanOrEqual(radius)
      }
      const ledger = ledgerOf(analysis, samples)
      const [seed, norms, pairs, final] = ledger.map((entry) => entry.meanRadius) as [number, number, number, number]
      expect(norms).toBeLessThanOrEqual(pairs)
      expect(final).toBeLessThan(pairs)
      expect(final).toBeGreaterThan(0.9 * pairs)
      if (file.startsWith('torchlip')) expect(final / seed).toBeGreaterThan(1.4)

      // The logits that PyTorch's exporter was checked with lie within the proved rounding error.
      const conformance = checkConformance(
        analysis,
        [0, 1, 2].map((index) => ({ index, input: data.image(index), logits: samples[index]!.logits })),
      )
      expect(conformance.violations).toEqual([])
      expect(conformance.checked).toBe(3)
      expect(conformance.worstRatio).toBeGreaterThan(0)
      expect(conformance.worstRatio).toBeLessThan(0.2)
      const shifted = Float32Array.from(samples[0]!.logits, (v) => v * 1.01)
      expect(
        checkConformance(analysis, [{ index: 0, input: data.image(0), logits: shifted }]).violations.length,
      ).toBeGreaterThan(0)
    })

  it('explains a node of a fused region', async () => {
    const { model } = await readModel(`${ZOO}/torchlip-cnn-dynamo.onnx`)
    const analysis = await analyse(prepare(model, { batch: 1 }))
    const pow = explain(analysis, 'node_pow_2')!
    expect(pow.step).toMatchObject({ rule: 'l2-norm', constant: 1, naive: null })
    expect(pow.step.nodes!.length).toBeGreaterThan(5)
    expect(pow.own.constant).toBeNull()
    expect(explain(analysis, 'no such node')).toBeUndefined()
  })
})
