/**
 * Images per second of a training step on the demo network, per engine and backend.
 *
 * `npm run bench -- training [--batch 4096] [--steps 3] [--threads 2] [--only onnxruntime,wasm] [--config FILE] [--python python3]`
 *
 * wasm is timed with one thread and with `--threads`; `--chunk` sets the samples that a thread takes at once. `--config FILE` takes the
 * network, loss and batch size of a training configuration instead, with noise for images.
 *
 * A step is everything between two batches: forward and backward pass, loss, reparametrisation and its gradient, Adam. The best of
 * the steps counts (another process can only slow one down) and the median is shown beside it, with the least processor time, which
 * says more where the machine is not quiet. Backends that cannot start are named with the reason. With `--python` the same step is
 * timed in deel-lip on TensorFlow (pip install deel-lip tensorflow; for TensorFlow >= 2.16 its keras3 branch), on the same machine
 * right after.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { randomStream } from '../src/linalg/random.ts'
import { type BackendName, startBackend } from '../src/training/backend.ts'
import { buildNetwork } from '../src/training/build-network.ts'
import { dataParallelEngine } from '../src/training/data-parallel-engine.ts'
import { DEMO4_FULL } from '../src/training/demo4.ts'
import type { Engine } from '../src/training/engine.ts'
import { createObjective } from '../src/training/objective.ts'
import { onnxruntimeEngine } from '../src/training/onnxruntime-engine.ts'
import { adam } from '../src/training/optimizers/adam.ts'
import { readTrainingConfig } from '../src/training/read-config.ts'
import { tfjsEngine } from '../src/training/tfjs-engine.ts'
import { weightStore } from '../src/training/variables.ts'

const { values } = parseArgs({
  options: {
    batch: { type: 'string' },
    steps: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    micro: { type: 'string' },
    chunk: { type: 'string' },
    config: { type: 'string' },
    only: { type: 'string', default: 'onnxruntime,wasm,tensorflow,webgpu' },
    python: { type: 'string' },
  },
})
const config = values.config === undefined ? DEMO4_FULL : await readTrainingConfig(values.config)
const batch = Number(values.batch ?? config.batchSize)
const steps = Number(values.steps)
const threads = Number(values.threads)

interface Row {
  readonly who: string
  readonly result: string
}

const stream = randomStream(0)
const { inputShape } = config.network
const images = Float32Array.from({ length: batch * inputShape.reduce((a, b) => a * b, 1) }, () => stream.uniform())

async function measure(name: string, threads: number): Promise<Row> {
  const backend: BackendName = name === 'onnxruntime' ? 'wasm' : (name as BackendName)
  try {
    await startBackend(backend)
  } catch (error) {
    return { who: `tfjs ${name}`, result: `not here: ${(error as Error).message}` }
  }
  const { layers, outputs } = buildNetwork(config)
  const objective = createObjective(config.loss, layers)
  const common = { layers, inputShape, objective }
  const classes = Math.max(2, outputs[0]!.shape.at(-1)!)
  const labels = Int32Array.from({ length: batch }, (_, i) => i % classes)
  const micro = values.micro === undefined ? {} : { microBatch: Number(values.micro) }
  const chunk = values.chunk === undefined ? {} : { chunk: Number(values.chunk) }
  const engine =
    name === 'onnxruntime'
      ? await onnxruntimeEngine({ ...common, threads, ...micro })
      : name === 'wasm'
        ? await dataParallelEngine({ ...common, threads, largestBatch: batch, ...chunk })
        : tfjsEngine(common)
  try {
    return { who: engine.description, result: describe(await timesOf(engine, layers, labels)) }
  } finally {
    await engine.dispose()
  }
}

/** Seconds of the clock and of processor time, one pair a step. */
type Times = readonly (readonly [elapsed: number, processor: number])[]

async function timesOf(engine: Engine, layers: Parameters<typeof weightStore>[0], labels: Int32Array): Promise<Times> {
  const store = weightStore(layers)
  const optimizer = adam()
  const state = optimizer.create(store.readVariables().map((variable) => variable.length))
  const seconds: [number, number][] = []
  // The first step warms caches and kernels up.
  for (let step = 0; step <= steps; step++) {
    const start = performance.now()
    const busy = process.cpuUsage()
    const { gradients } = await engine.step(images, labels)
    const variables = store.readVariables()
    optimizer.update(state, variables, gradients, 1e-4)
    store.writeVariables(variables)
    const { user, system } = process.cpuUsage(busy)
    if (step > 0) seconds.push([(performance.now() - start) / 1e3, (user + system) / 1e6])
  }
  return seconds
}

function describe(times: Times): string {
  const sorted = times.map(([elapsed]) => elapsed).sort((a, b) => a - b)
  const [best, median] = [sorted[0]!, sorted[sorted.length >> 1]!]
  const epoch = ((60_000 / batch) * best).toFixed(1)
  const processor = (1e6 * Math.min(...times.map(([, busy]) => busy))) / batch
  return `${Math.round(batch / best)} images/s (median ${Math.round(batch / median)}), ${epoch} s for 60,000; ${Math.round(processor)} us of processor time an image`
}

/** The same network, batch and optimizer in deel-lip; prints one JSON array of pairs as in `Times`. */
const PYTHON = `
import importlib, json, sys, time
import numpy as np
import tensorflow as tf
import keras
batch, steps, threads = (int(a) for a in sys.argv[1:])
tf.config.threading.set_intra_op_parallelism_threads(threads)
# Where the classes live differs between the releases and the keras3 branch.
def find(name):
    for where in ("", ".layers", ".activations", ".model", ".losses", ".layers.activations"):
        try:
            return getattr(importlib.import_module("deel.lip" + where), name)
        except (ImportError, AttributeError):
            pass
    raise ImportError("deel.lip has no " + name)
class L:
    def __getattr__(self, name):
        return find(name)
L = L()
sort = lambda: L.GroupSort(n=2)
orth = dict(kernel_initializer="orthogonal")
model = L.Sequential([
    keras.layers.Input((28, 28, 1)),
    L.SpectralConv2D(16, (3, 3), activation=sort(), **orth), L.ScaledL2NormPooling2D((2, 2)),
    L.SpectralConv2D(32, (3, 3), activation=sort(), **orth), L.ScaledL2NormPooling2D((2, 2)),
    keras.layers.Flatten(), L.SpectralDense(64, activation=sort(), **orth),
    L.FrobeniusDense(10, use_bias=False, disjoint_neurons=True, **orth)], k_coef_lip=1.0)
model.compile(loss=L.MulticlassHKR(alpha=100, min_margin=.5), optimizer=keras.optimizers.Adam(1e-4))
x = np.random.rand(batch, 28, 28, 1).astype("float32")
y = np.eye(10, dtype="float32")[np.random.randint(0, 10, batch)]
times = []
for step in range(steps + 2):
    start, busy = time.perf_counter(), time.process_time()
    model.train_on_batch(x, y)
    times.append([time.perf_counter() - start, time.process_time() - busy])
print(json.dumps(times[2:]))
`

function measurePython(python: string): Row {
  const who = 'deel-lip on TensorFlow'
  const ran = spawnSync(python, ['-c', PYTHON, String(batch), values.steps, values.threads], { encoding: 'utf8' })
  const line = ran.stdout?.trim().split('\n').at(-1)
  if (ran.status !== 0 || !line)
    return { who, result: `not here: ${ran.stderr?.trim().split('\n').at(-1) ?? ran.error}` }
  return { who, result: describe(JSON.parse(line) as Times) }
}

const rows: Row[] = []
for (const name of values.only.split(',')) {
  if (name === 'wasm' && threads > 1) rows.push(await measure(name, 1))
  rows.push(await measure(name, threads))
}
if (values.python !== undefined) rows.push(measurePython(values.python))

const load = loadavg()[0]!
console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${load.toFixed(1)}`,
)
console.log(`${values.config ?? 'Demo network'}, batch ${batch}, ${steps} steps, ${threads} threads`)
const width = Math.max(...rows.map(({ who }) => who.length))
for (const { who, result } of rows) console.log(`${who.padEnd(width)}  ${result}`)
