import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LossParamLog, LossParamScheduler, MonitorCallback } from '../../src/callbacks/index.ts'
import { interpolate } from '../../src/callbacks/loss-param-scheduler.ts'
import { crc32c, scalarEvent } from '../../src/callbacks/tensorboard-event.ts'
import { FrobeniusDense, Sequential, SpectralDense } from '../../src/layers/index.ts'
import { MulticlassHKR } from '../../src/losses/index.ts'
import { startBackend } from '../../src/training/backend.ts'

const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-callbacks-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('MonitorCallback', () => {
  beforeAll(async () => {
    await startBackend('wasm')
  })

  const model = () =>
    new Sequential({
      layers: [
        new SpectralDense({ name: 'a', units: 3, inputShape: [4] }),
        new FrobeniusDense({ name: 'b', units: 2 }),
      ],
    })

  it('writes the largest singular value, as JSON lines and for TensorBoard', async () => {
    const logdir = join(folder, 'max')
    const callback = new MonitorCallback({ monitoredLayers: ['a', 'b'], logdir, target: 'wbar' })
    callback.setModel(model())
    await callback.onTrainBegin()
    await callback.onEpochEnd(0)
    await callback.onBatchEnd()
    await callback.onEpochEnd(1)
    const lines = readFileSync(join(logdir, 'monitor.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines.map(({ step, layer, target }) => ({ step, layer, target }))).toEqual([
      { step: 0, layer: 'a', target: 'wbar' },
      { step: 0, layer: 'b', target: 'wbar' },
      { step: 1, layer: 'a', target: 'wbar' },
      { step: 1, layer: 'b', target: 'wbar' },
    ])
    expect(lines[0].max).toBeGreaterThan(0.99)
    expect(lines[0].max).toBeLessThanOrEqual(1 + 1e-6)
    const events = readFileSync(join(logdir, 'events.out.tfevents'))
    expect(events.includes('a/wbar/max')).toBe(true)
  })

  it('all values per batch', async () => {
    const logdir = join(folder, 'all')
    const callback = new MonitorCallback({ monitoredLayers: ['a'], logdir, what: 'all', onBatch: true })
    callback.setModel(model())
    await callback.onTrainBegin()
    await callback.onBatchEnd()
    await callback.onEpochEnd(0)
    const lines = readFileSync(join(logdir, 'monitor.jsonl'), 'utf8').trim().split('\n')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0]!).all).toHaveLength(3)
  })

  it('refuses what it cannot watch', async () => {
    expect(() => new MonitorCallback({ monitoredLayers: [], logdir: folder, target: 'x' as 'wbar' })).toThrow(
      /target must be/,
    )
    expect(() => new MonitorCallback({ monitoredLayers: [], logdir: folder, what: 'x' as 'all' })).toThrow(
      /what must be/,
    )
    const callback = new MonitorCallback({ monitoredLayers: ['nobody'], logdir: folder })
    callback.setModel(model())
    await expect(callback.onTrainBegin()).rejects.toThrow(/layer nobody has no attribute kernel/)
  })

  it('frames TensorBoard records with CRC-32C', () => {
    // RFC 3720, B.4: 32 zero bytes.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    const record = scalarEvent('t', 300, 1.5)
    const view = new DataView(record.buffer)
    const length = view.getUint32(0, true)
    expect(record.length).toBe(8 + 4 + length + 4)
    const unmask = (masked: number): number => {
      const rotated = (masked - 0xa282ead8) >>> 0
      return ((rotated >>> 17) | (rotated << 15)) >>> 0
    }
    expect(unmask(view.getUint32(8, true))).toBe(crc32c(record.subarray(0, 8)))
    expect(unmask(view.getUint32(12 + length, true))).toBe(crc32c(record.subarray(12, 12 + length)))
  })
})

describe('loss parameters', () => {
  it('follow numpy.interp, step by step', async () => {
    expect([-1, 0, 1, 2.5, 4, 9].map((x) => interpolate(x, [0, 2, 4], [10, 20, 0]))).toEqual([10, 10, 15, 15, 0, 0])
    const loss = new MulticlassHKR({ alpha: 1, minMargin: 1 })
    const scheduler = new LossParamScheduler({ loss, paramName: 'min_margin', xp: [0, 2], fp: [1, 3] })
    const seen: number[] = []
    for (let i = 0; i < 4; i++) {
      await scheduler.onBatchBegin()
      seen.push(loss.minMargin)
    }
    expect(seen).toEqual([1, 2, 3, 3])
    expect(() => new LossParamScheduler({ loss, paramName: 'beta', xp: [0], fp: [1] })).toThrow(
      /has no parameter "beta"/,
    )
    expect(() => new LossParamScheduler({ loss, paramName: 'alpha', xp: [1, 0], fp: [1, 2] })).toThrow(
      /increasing steps/,
    )
  })

  it('are logged every `rate` epochs', async () => {
    const lines: string[] = []
    const loss = new MulticlassHKR({ alpha: 5 })
    const log = new LossParamLog({ loss, paramName: 'alpha', rate: 2, log: (line) => lines.push(line) })
    for (let epoch = 0; epoch < 4; epoch++) await log.onEpochEnd(epoch)
    expect(lines).toEqual(['alpha = 5', 'alpha = 5'])
  })
})
