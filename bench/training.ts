/**
 * Images per second of a training step on the demo network, per engine and backend.
 *
 * `npm run bench -- training [--batch 4096] [--steps 3] [--threads 2] [--only onnxruntime,wasm] [--python python3]`
 *
 * A step is everything between two batches: forward and backward pass, loss, reparametrisation and its gradient, Adam. The best of
 * the steps counts (another process can only slow one down) and the median is shown beside it. Backends that cannot start
 * are named with the reason. With `--python` the same step is timed in deel-lip on TensorFlow (pip install deel-lip tensorflow; for
 * TensorFlow >= 2.16 its keras3 branch), on the same machine right after.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { randomStream } from '../src/linalg/random.ts'
import { type BackendName, startBackend } from '../src/training/backend.ts'
import { buildNetwork } from '../src/training/build-network.ts'
import { DEMO4_FULL } from '../src/training/demo4.ts'
import type { Engine } from '../src/training/engine.ts'
import { createObjective } from '../src/training/objective.ts'
import { onnxruntimeEngine } from '../src/training/onnxruntime-engine.ts'
import { adam } from '../src/training/optimizers/adam.ts'
import { tfjsEngine } from '../src/training/tfjs-engine.ts'
import { weightStore } from '../src/training/variables.ts'

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '4096' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    micro: { type: 'string' },
    only: { type: 'string', default: 'onnxruntime,wasm,tensorflow,webgpu' },
    python: { type: 'string' },
  },
})
const batch = Number(values.batch)
const steps = Number(values.steps)
const threads = Number(values.threads)

interface Row {
  readonly who: string
  readonly result: string
}

const stream = randomStream(0)
const images = Float32Array.from({ length: batch * 784 }, () => stream.uniform())
const labels = Int32Array.from({ length: batch }, () => stream.integer(10))

async function measure(name: string): Promise<Row> {
  const backend: BackendName = name === 'onnxruntime' ? 'wasm' : (name as BackendName)
  try {
    await startBackend(backend)
  } catch (error) {
    return { who: `tfjs ${name}`, result: `not here: ${(error as Error).message}` }
  }
  const { layers } = buildNetwork(DEMO4_FULL)
  const objective = createObjective(DEMO4_FULL.loss, layers)
  const common = { layers, inputShape: DEMO4_FULL.network.inputShape, objective }
  const micro = values.micro === undefined ? {} : { microBatch: Number(values.micro) }
  const engine = name === 'onnxruntime' ? await onnxruntimeEngine({ ...common, threads, ...micro }) : tfjsEngine(common)
  try {
    return { who: engine.description, result: describe(await timesOf(engine, layers)) }
  } finally {
    await engine.dispose()
  }
}

async function timesOf(engine: Engine, layers: Parameters<typeof weightStore>[0]): Promise<number[]> {
  const store = weightStore(layers)
  const optimizer = adam()
  const state = optimizer.create(store.readVariables().map((variable) => variable.length))
  const seconds: number[] = []
  // The first step warms caches and kernels up.
  for (let step = 0; step <= steps; step++) {
    const start = performance.now()
    const { gradients } = await engine.step(images, labels)
    const variables = store.readVariables()
    optimizer.update(state, variables, gradients, 1e-4)
    store.writeVariables(variables)
    if (step > 0) seconds.push((performance.now() - start) / 1000)
  }
  return seconds
}

function describe(seconds: readonly number[]): string {
  const sorted = [...seconds].sort((a, b) => a - b)
  const [best, median] = [sorted[0]!, sorted[sorted.length >> 1]!]
  const epoch = ((60_000 / batch) * best).toFixed(1)
  return `${Math.round(batch / best)} images/s (median ${Math.round(batch / median)}), ${epoch} s for 60,000`
}

/** The same network, batch and optimizer in deel-lip; prints one JSON array of seconds. */
const PYTHON = `
import json, sys, time
import numpy as np
import tensorflow as tf
import keras
from deel import lip
batch, steps, threads = (int(a) for a in sys.argv[1:])
tf.config.threading.set_intra_op_parallelism_threads(threads)
L = lip.layers
sort = lambda: lip.layers.GroupSort(2)
orth = dict(kernel_initializer="orthogonal")
model = lip.model.Sequential([
    keras.layers.Input((28, 28, 1)),
    L.SpectralConv2D(16, (3, 3), activation=sort(), **orth), L.ScaledL2NormPooling2D((2, 2)),
    L.SpectralConv2D(32, (3, 3), activation=sort(), **orth), L.ScaledL2NormPooling2D((2, 2)),
    keras.layers.Flatten(), L.SpectralDense(64, activation=sort(), **orth),
    L.FrobeniusDense(10, use_bias=False, **orth)], k_coef_lip=1.0)
model.compile(loss=lip.losses.MulticlassHKR(alpha=100, min_margin=.5), optimizer=keras.optimizers.Adam(1e-4))
x = np.random.rand(batch, 28, 28, 1).astype("float32")
y = np.eye(10, dtype="float32")[np.random.randint(0, 10, batch)]
times = []
for step in range(steps + 2):
    start = time.perf_counter()
    model.train_on_batch(x, y)
    times.append(time.perf_counter() - start)
print(json.dumps(times[2:]))
`

function measurePython(python: string): Row {
  const who = 'deel-lip on TensorFlow'
  const ran = spawnSync(python, ['-c', PYTHON, values.batch, values.steps, values.threads], { encoding: 'utf8' })
  const line = ran.stdout?.trim().split('\n').at(-1)
  if (ran.status !== 0 || !line)
    return { who, result: `not here: ${ran.stderr?.trim().split('\n').at(-1) ?? ran.error}` }
  return { who, result: describe(JSON.parse(line) as number[]) }
}

const rows: Row[] = []
for (const name of values.only.split(',')) rows.push(await measure(name))
if (values.python !== undefined) rows.push(measurePython(values.python))

const load = loadavg()[0]!
console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${load.toFixed(1)}`,
)
console.log(`Demo network, batch ${batch}, ${steps} steps, ${threads} threads`)
const width = Math.max(...rows.map(({ who }) => who.length))
for (const { who, result } of rows) console.log(`${who.padEnd(width)}  ${result}`)
