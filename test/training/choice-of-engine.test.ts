import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BackendName } from '../../src/training/backend.ts'
import type { TrainingConfig } from '../../src/training/config.ts'
import { openRunFolder } from '../../src/training/run-folder.ts'
import { train } from '../../src/training/train.ts'
import { CASES, configOf, samplesFor } from './networks.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-engine-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const network = CASES.find(({ name }) => name.startsWith('three channels'))!
const data = { train: samplesFor(network, 8), test: samplesFor(network, 4, 'test') }
const divisible = configOf(network, { epochs: 1, batchSize: 8 })
/** The same after a layer that looks at the whole batch. */
const indivisible: TrainingConfig = {
  ...divisible,
  network: {
    ...divisible.network,
    layers: [{ className: 'BatchLipNorm', config: {} }, ...divisible.network.layers],
  },
}

/** What `--engine auto` says that it runs. */
async function chosen(name: string, config: TrainingConfig, backend: BackendName): Promise<string> {
  const run = await openRunFolder(join(folder, name), config, { resume: false })
  return (await train({ run, ...data, resume: false, backend, threads: 2 })).engine
}

it('is tfjs on wasm in threads where the network can be divided', async () => {
  expect(await chosen('threads', divisible, 'wasm')).toMatch(/^tfjs wasm, \d threads?$/)
})

it('is onnxruntime where wasm lacks a gradient that the network needs', async () => {
  const [first, ...rest] = divisible.network.layers
  const plain = { className: 'Conv2D', config: { filters: 4, kernelSize: 3, padding: 'same' } }
  const config = { ...divisible, network: { ...divisible.network, layers: [plain, first!, ...rest] } }
  expect(await chosen('keras', config, 'wasm')).toMatch(/^onnxruntime cpu/)
})

it('is onnxruntime on a backend that has no threads', async () => {
  expect(await chosen('cpu', divisible, 'cpu')).toMatch(/^onnxruntime cpu with 2 threads/)
})

it('is one thread of tfjs, with the reason, where neither can', async () => {
  const engine = await chosen('whole-batch', indivisible, 'wasm')
  expect(engine).toMatch(/^tfjs wasm, 1 thread \(.*may look at the whole batch\)/)
  expect(engine).toContain('onnxruntime cannot')
})
