/**
 * Does training here go where deel-lip's goes? Demo 4's network from the same weights over the same batches, step by step, in deel-lip on
 * TensorFlow and here; prints both losses.
 *
 * `npm run bench -- parity --python python3 [--steps 40] [--batch 4096] [--batches 4] [--dataset fashion-mnist] [--seed 0]`
 *
 * deel-lip draws the weights (of `--seed`), its copy of the weights of inference included. That Python needs `pip install tensorflow` and deel-lip
 * (for TensorFlow >= 2.16 its keras3 branch, in which `wbar` must be a copy of the kernel and not the same variable).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeNpy, loadDataset } from '../src/data/index.ts'
import { startBackend } from '../src/training/backend.ts'
import { buildNetwork } from '../src/training/build-network.ts'
import type { TrainingConfig } from '../src/training/config.ts'
import { DEMO4_FULL } from '../src/training/demo4.ts'
import { createObjective } from '../src/training/objective.ts'
import { onnxruntimeEngine } from '../src/training/onnxruntime-engine.ts'
import { adam } from '../src/training/optimizers/adam.ts'
import { weightStore } from '../src/training/variables.ts'

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    steps: { type: 'string', default: '40' },
    batch: { type: 'string', default: '4096' },
    batches: { type: 'string', default: '4' },
    dataset: { type: 'string', default: 'fashion-mnist' },
    seed: { type: 'string', default: '0' },
  },
})
const steps = Number(values.steps)
const batch = Number(values.batch)
const rate = 1e-4

interface Weight {
  readonly layer: string
  readonly name: string
  readonly values: readonly number[]
}

const dataset = await loadDataset(values.dataset, {
  split: 'train',
  dataDir: process.env.LIP_ONNX_DATA ?? '../shared/data',
})
const count = batch * Number(values.batches)
const images = dataset.images.subarray(0, count * 784)
const labels = dataset.labels.subarray(0, count)

/** The same settings in both versions' arithmetic: version 1.2.0's margin .25 is .5 in today's formula. */
const MODES: Readonly<Record<string, TrainingConfig['loss']>> = {
  'deel-lip': DEMO4_FULL.loss,
  'deel-lip-1.2': { className: 'MulticlassHKR', config: { alpha: 100, min_margin: 0.25, compat: 'deel-lip-1.2' } },
}

function theirs(): { versions: string; losses: number[]; weights: Weight[] } {
  const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-parity-'))
  try {
    writeFileSync(join(folder, 'images.npy'), encodeNpy(images, [count, 28, 28, 1]))
    writeFileSync(join(folder, 'labels.npy'), encodeNpy(labels, [count]))
    writeFileSync(join(folder, 'task.json'), JSON.stringify({ batch, steps, seed: Number(values.seed), rate }))
    const script = fileURLToPath(new URL('./parity.py', import.meta.url))
    const ran = spawnSync(values.python, [script, folder], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    if (ran.status !== 0) {
      throw new Error(`${values.python} did not run deel-lip: ${ran.stderr?.trim().split('\n').at(-1) ?? ran.error}`)
    }
    const printed = JSON.parse(ran.stdout.trim().split('\n').at(-1)!) as { versions: string; losses: number[] }
    return { ...printed, weights: JSON.parse(readFileSync(join(folder, 'weights.json'), 'utf8')) as Weight[] }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function ours(mode: 'deel-lip' | 'deel-lip-1.2', initial: readonly Weight[]): Promise<number[]> {
  const { layers } = buildNetwork({ ...DEMO4_FULL, network: { ...DEMO4_FULL.network, mode } })
  const store = weightStore(layers)
  // Both name their layers after Keras; theirs may count on from an earlier model, so the order decides.
  const own = layers.flatMap((layer) => layer.weights.map((weight) => weight.originalName.replace(/^.*\//, '')))
  if (own.join() !== initial.map(({ name }) => name).join()) {
    throw new Error(`The weights are ${own.join()} here and ${initial.map(({ name }) => name).join()} there.`)
  }
  store.writeAll(initial.map((weight) => Float32Array.from(weight.values)))
  const objective = createObjective(MODES[mode]!, layers)
  const engine = await onnxruntimeEngine({ layers, inputShape: DEMO4_FULL.network.inputShape, objective })
  const optimizer = adam()
  const state = optimizer.create(store.readVariables().map((variable) => variable.length))
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    const start = (step * batch) % count
    const { loss, gradients } = await engine.step(
      images.subarray(start * 784, (start + batch) * 784),
      labels.subarray(start, start + batch),
    )
    losses.push(loss)
    const variables = store.readVariables()
    optimizer.update(state, variables, gradients, rate)
    store.writeVariables(variables)
  }
  await engine.dispose()
  return losses
}

const { versions, losses, weights } = theirs()
await startBackend('wasm')
const replicas = [await ours('deel-lip', weights), await ours('deel-lip-1.2', weights)]
console.log(`Demo 4's network, batch ${batch}, ${values.dataset}, Adam ${rate}; deel-lip on ${versions}`)
console.log('step   deel-lip    mode deel-lip   mode deel-lip-1.2')
const shown = (step: number): boolean => step === 0 || (step + 1) % Math.max(1, Math.floor(steps / 8)) === 0
for (let step = 0; step < steps; step++) {
  if (!shown(step)) continue
  const [a, b] = replicas.map((replica) => replica[step]!.toFixed(5).padStart(12))
  console.log(`${String(step + 1).padStart(4)} ${losses[step]!.toFixed(5).padStart(10)} ${a}    ${b}`)
}
for (const [i, mode] of Object.keys(MODES).entries()) {
  const worst = Math.max(...losses.map((loss, step) => Math.abs(replicas[i]![step]! / loss - 1)))
  console.log(`${mode}: largest relative difference ${worst.toExponential(1)} over ${steps} steps`)
}
