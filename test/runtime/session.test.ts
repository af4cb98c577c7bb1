import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { ROUNDING_PROFILES } from '../../src/lipschitz/rounding-profile.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { batchedForward } from '../../src/runtime/batched-forward.ts'
import { floatTensor, messageOf } from '../../src/runtime/onnxruntime.ts'
import { numericProfile } from '../../src/runtime/profiles.ts'
import { discoverProviders } from '../../src/runtime/providers.ts'
import { openSession } from '../../src/runtime/session.ts'

/** z = x W, [N, 3] -> [N, 2], or a fixed batch. */
function product(batch: number | string = 'N'): Uint8Array {
  const b = new GraphBuilder()
  const x = b.input('x', [batch, 3])
  b.node('MatMul', [x, b.initializer('w', [3, 2], [1, 4, 2, 5, 3, 6])], {}, { outputs: ['z'] })
  b.output('z', [batch, 2])
  return encodeModel(b.build())
}

const rejection = async (run: Promise<unknown>): Promise<LipError> =>
  run.then(
    () => {
      throw new Error('nothing was thrown')
    },
    (error) => {
      if (error instanceof LipError) return error
      throw error
    },
  )

describe('openSession', () => {
  it('runs on the CPU, says so, and takes preallocated outputs', async () => {
    const session = await openSession(product(), { provider: 'cpu', threads: 1 })
    expect(session).toMatchObject({
      provider: 'cpu',
      profile: 'f32-any-order',
      inputNames: ['x'],
      outputNames: ['z'],
      threads: 1,
    })
    expect(session.types.get('x')).toEqual({ type: 'float32', dims: ['N', 3] })
    expect(session.assumptions.join(' ')).toMatch(/2\^-24/)
    const x = floatTensor(Float32Array.of(1, 0, 2), [1, 3])
    const z = new Float32Array(2)
    await session.run({ x }, { z: floatTensor(z, [1, 2]) })
    expect([...z]).toEqual([7, 16])
    expect([...((await session.run({ x })).z!.data as Float32Array)]).toEqual([7, 16])
    await session.release()
  })

  it('auto explains its choice', async () => {
    const session = await openSession(product())
    expect(['cpu', 'cuda']).toContain(session.provider)
    if (session.provider === 'cpu') expect(session.reason).toMatch(/because CUDA/)
    expect(process.env.NVIDIA_TF32_OVERRIDE).toBe('0')
    await session.release()
  })

  it('refuses what is no model, and a provider that is not there', async () => {
    const broken = await rejection(openSession(Uint8Array.of(1, 2, 3), { provider: 'cpu' }))
    expect(broken.code).toBe('MODEL_INVALID')
    const missing = discoverProviders().find(({ available }) => !available)
    if (missing) {
      const error = await rejection(openSession(product(), { provider: missing.name }))
      expect(error.code).toBe('RUNTIME_UNAVAILABLE')
      expect(error.message).toContain(missing.reason)
      expect(error.hint).toMatch(/--provider cpu/)
    }
  })

  it('lists every provider with a reason, and the CPU among the available', () => {
    const found = discoverProviders()
    expect(found.map(({ name }) => name).toSorted()).toEqual(['cpu', 'cuda', 'webgpu'])
    expect(found.find(({ name }) => name === 'cpu')!.available).toBe(true)
    for (const { reason, available, remedy } of found) {
      expect(reason).not.toBe('')
      if (available) expect(remedy).toBeUndefined()
    }
  })
})

describe('numeric profiles', () => {
  it('say what is taken on trust', () => {
    const strict = numericProfile('cpu', { optimisation: 'disabled', tf32Off: true }).assumptions
    expect(strict.some((text) => /rewrite/.test(text))).toBe(false)
    // Whoever runs the file with onnxruntime's defaults runs another one.
    expect(strict.join(' ')).toMatch(/as it is written: onnxruntime's graph optimisations are off/)
    const loose = numericProfile('cpu', { optimisation: 'all', tf32Off: true }).assumptions.join(' ')
    expect(loose).toMatch(/allowed to rewrite the graph/)
    expect(loose).not.toMatch(/optimisations are off/)
    const cuda = (tf32Off: boolean) => numericProfile('cuda', { optimisation: 'disabled', tf32Off })
    expect(cuda(true).name).toBe('cuda-f32')
    // Not ensured is not assumed: the certificates pay for it.
    expect(cuda(false).name).toBe('cuda-tf32')
    expect(cuda(false).assumptions.join(' ')).toMatch(/TF32 may be on/)
    const unit = (name: string) => ROUNDING_PROFILES[name]!.dot(1)
    expect(unit(cuda(false).name)).toBeGreaterThan(1000 * unit(cuda(true).name))
  })

  it('messages lose the source locations of onnxruntime', () => {
    expect(messageOf(new Error('[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load failed.\nmore'))).toBe('Load failed')
  })
})

describe('batchedForward', () => {
  const samples = Float32Array.from({ length: 7 * 3 }, (_, i) => randomStream(i).normal())

  it('gives the same rows at any batch, also one that the file fixes', async () => {
    const session = await openSession(product(), { provider: 'cpu', threads: 1 })
    const base = await batchedForward(session, samples, [3])
    expect(base.width).toBe(2)
    expect(base.rows.length).toBe(14)
    for (let n = 0; n < 7; n++) {
      const [a, b, c] = samples.subarray(n * 3, n * 3 + 3) as unknown as [number, number, number]
      expect(base.rows[n * 2]!).toBeCloseTo(a + 2 * b + 3 * c, 5)
      expect(base.rows[n * 2 + 1]!).toBeCloseTo(4 * a + 5 * b + 6 * c, 4)
    }
    for (const batch of [1, 2, 7, 8]) expect(await batchedForward(session, samples, [3], { batch })).toEqual(base)
    await session.release()
    const fixed = await openSession(product(2), { provider: 'cpu', threads: 1 })
    const seen: number[] = []
    const rows = await batchedForward(fixed, samples, [3], { onProgress: (done) => seen.push(done) })
    expect(rows).toEqual(base)
    expect(seen).toEqual([2, 4, 6, 7])
    await fixed.release()
  })

  it('rejects data that are no whole number of samples', async () => {
    const session = await openSession(product(), { provider: 'cpu', threads: 1 })
    const error = await rejection(batchedForward(session, samples.subarray(1), [3]))
    expect(error.code).toBe('DATA_INVALID')
    await session.release()
  })
})

/** A software adapter needs its driver's file and the Vulkan loader: see docs; skipped without them. */
const adapter = process.env.VK_ICD_FILENAMES
describe.skipIf(!adapter || !existsSync(adapter))('WebGPU (skipped unless VK_ICD_FILENAMES names a driver)', () => {
  it('computes what the CPU does', async () => {
    const session = await openSession(product(4), { provider: 'webgpu' })
    expect(session.provider).toBe('webgpu')
    expect(session.profile).toBe('webgpu-f32')
    const samples = Float32Array.from({ length: 12 }, (_, i) => i / 7)
    const found = await batchedForward(session, samples, [3])
    const cpu = await openSession(product(4), { provider: 'cpu' })
    const expected = await batchedForward(cpu, samples, [3])
    found.rows.forEach((v, i) => {
      expect(v).toBeCloseTo(expected.rows[i]!, 5)
    })
    await Promise.all([session.release(), cpu.release()])
  })
})
