/**
 * Attacks against foolbox: time of a Carlini-Wagner step, the demo's ten images with Carlini-Wagner 6x8000, and `auto` on the same images.
 *
 * `npm run bench -- attacks [--model ../shared/keras/demo4/deel-lip-demo4.keras] [--threads 2] [--only steps,ten] [--python python3]`
 *
 * The model is whatever `lip-onnx export` reads, or an .onnx file; weights are taken as they are. The ten images are the notebook's: of the
 * first 300 test images of Fashion-MNIST (LIP_ONNX_DATA, default ../shared/data) the first correctly classified one of each class.
 *
 * With `--python` the same network (node by node in PyTorch), images and attack run in foolbox right after, in the same number of
 * threads, and only then are ratios printed. That Python needs `pip install torch foolbox`. A step is the difference of a long and a
 * short run, early abort off, constant 1e-3, where every step needs a gradient; the best of three, since other processes can only slow it down.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type AttackInput, type OpenedVictim, openVictim, runAttack, type VictimModel } from '../src/attacks/index.ts'
import { readNetwork } from '../src/cli/read-network.ts'
import { type Dataset, encodeNpy, loadDataset } from '../src/data/index.ts'
import { certifiedModel } from '../src/export/index.ts'
import { prepare } from '../src/graph/prepare.ts'
import { analyse, certify } from '../src/lipschitz/index.ts'
import { vectorNormUpper } from '../src/lipschitz/norms/index.ts'
import type { Model } from '../src/onnx/ir.ts'
import { readModel } from '../src/onnx/read.ts'
import { encodeModel } from '../src/onnx/write.ts'
import { choosePictures } from '../src/verify/pictures.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: '../shared/keras/demo4/deel-lip-demo4.keras' },
    threads: { type: 'string', default: String(availableParallelism()) },
    only: { type: 'string', default: 'steps,ten' },
    repeats: { type: 'string', default: '3' },
    python: { type: 'string' },
  },
})
const threads = Number(values.threads)
const repeats = Number(values.repeats)
const parts = values.only.split(',')

/** Batch, and the numbers of steps whose difference is timed. */
const STEPS = [
  { batch: 10, few: 20, many: 220, repeats },
  { batch: 1000, few: 2, many: 12, repeats },
]
const CARLINI_WAGNER = { binary_search_steps: 6, steps: 8000, stepsize: 0.01, initial_const: 1e-3, abort_early: true }

interface Timed<T> {
  readonly value: T
  readonly wall: number
  readonly cpu: number
}

async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const start = performance.now()
  const before = process.cpuUsage()
  const value = await work()
  const { user, system } = process.cpuUsage(before)
  return { value, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}

async function load(path: string): Promise<VictimModel> {
  if (path.endsWith('.onnx')) return readModel(path)
  const { model } = await certifiedModel(await readNetwork(path), { mode: 'deel-lip' })
  return { model, bytes: encodeModel(model) }
}

async function tenImages(victim: OpenedVictim, data: Dataset): Promise<AttackInput[]> {
  const looked = []
  for (let index = 0; index < 300; index++) {
    const logits = await victim.logits(data.image(index))
    const label = data.label(index)
    looked.push({ index, label, correct: logits.indexOf(Math.max(...logits)) === label })
  }
  return choosePictures(looked).map((index) => ({ index, label: data.label(index), image: data.image(index) }))
}

/** Correctly classified samples: foolbox attacks the others for no step, this project not at all. */
async function correctOnes(victim: OpenedVictim, data: Dataset, count: number): Promise<AttackInput[]> {
  const samples: AttackInput[] = []
  for (let index = 0; index < data.count && samples.length < count; index++) {
    const image = data.image(index)
    const logits = await victim.logits(image)
    if (logits.indexOf(Math.max(...logits)) === data.label(index))
      samples.push({ index, label: data.label(index), image })
  }
  return samples
}

async function secondsPerStep(victim: OpenedVictim, samples: readonly AttackInput[], step: (typeof STEPS)[number]) {
  const once = async (steps: number) => {
    const parameters = { binarySearchSteps: 1, steps, abortEarly: false }
    const chosen = samples.slice(0, step.batch)
    return (await timed(() => runAttack('foolbox-cw', victim, { samples: chosen, parameters }))).wall
  }
  const best = async (steps: number) => {
    let least = Infinity
    for (let k = 0; k < step.repeats; k++) least = Math.min(least, await once(steps))
    return least
  }
  await once(step.few)
  const short = await best(step.few)
  return ((await best(step.many)) - short) / (step.many - step.few)
}

/** L2 radii that the proof gives the samples. */
async function certificatesOf(model: Model, victim: OpenedVictim, samples: readonly AttackInput[]) {
  const analysis = await analyse(prepare(model, { batch: 1 }))
  const radii = new Map<number, { readonly radius: number }>()
  for (const { index, label, image } of samples) {
    const logits = await victim.logits(image)
    radii.set(index, certify(analysis, { index, label, logits, inputNorm: vectorNormUpper(image) }))
  }
  return radii
}

interface PythonAnswer {
  readonly versions: Readonly<Record<string, string>>
  readonly logits: readonly number[]
  readonly steps: readonly number[]
  readonly attack?: { readonly distances: readonly (number | null)[]; readonly wall: number; readonly cpu: number }
}

/** Runs attacks.py on the same weights and images. @returns why not, as a string */
function foolbox(
  python: string,
  model: Model,
  images: readonly AttackInput[],
  many: readonly AttackInput[],
): PythonAnswer | string {
  const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-bench-'))
  const save = (name: string, samples: readonly AttackInput[], dims: readonly number[]) => {
    const data = new Float32Array(samples.length * dims.reduce((a, b) => a * b, 1))
    for (const [i, { image }] of samples.entries()) data.set(image, i * image.length)
    writeFileSync(join(folder, `${name}.npy`), encodeNpy(data, [samples.length, ...dims]))
  }
  const labels = (name: string, samples: readonly AttackInput[]) =>
    writeFileSync(
      join(folder, `${name}.npy`),
      encodeNpy(
        Int32Array.from(samples, ({ label }) => label),
        [samples.length],
      ),
    )
  try {
    const { graph } = model
    const dims = (graph.inputs[0]!.dims ?? []).slice(1) as number[]
    save('images', images, dims)
    labels('labels', images)
    save('many', many, dims)
    labels('many_labels', many)
    const initializers: Record<string, string> = {}
    for (const [k, { name, dims, data }] of [...graph.initializers.values()].entries()) {
      initializers[name] = `weight-${k}.npy`
      const plain = data instanceof Float32Array ? data : Int32Array.from(data as ArrayLike<number>, Number)
      writeFileSync(join(folder, `weight-${k}.npy`), encodeNpy(plain, dims))
    }
    const task = {
      input: graph.inputs[0]!.name,
      output: graph.outputs[0]!.name,
      bounds: [0, 1],
      initializers,
      nodes: graph.nodes.map(({ op, inputs, outputs, attributes }) => ({
        op,
        inputs: inputs.filter((name) => name !== ''),
        outputs,
        attributes: Object.fromEntries([...attributes].map(([name, { value }]) => [name, value])),
      })),
      steps: parts.includes('steps') ? STEPS : [],
      attack: parts.includes('ten') ? CARLINI_WAGNER : null,
    }
    writeFileSync(join(folder, 'task.json'), JSON.stringify(task))
    const script = fileURLToPath(new URL('attacks.py', import.meta.url))
    const ran = spawnSync(python, [script, folder, String(threads)], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    const last = ran.stdout?.trim().split('\n').at(-1)
    if (ran.status === 0 && last) return JSON.parse(last) as PythonAnswer
    return ran.error?.message ?? ran.stderr.trim().split('\n').at(-1) ?? 'it said nothing'
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const loaded = await load(values.model)
const victim = await openVictim(loaded, { provider: 'cpu', threads })
const data = await loadDataset('fashion-mnist', {
  split: 'test',
  samples: 2000,
  dataDir: process.env.LIP_ONNX_DATA ?? '../shared/data',
})
const ten = await tenImages(victim, data)
const many = await correctOnes(victim, data, 1000)
const certificates = await certificatesOf(loaded.model, victim, ten)

console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ` +
    `load ${loadavg()[0]!.toFixed(1)}, ${threads} threads, provider ${victim.provider}`,
)

const steps: number[] = []
if (parts.includes('steps')) for (const step of STEPS) steps.push(await secondsPerStep(victim, many, step))

const attackTen = (name: string) => timed(() => runAttack(name, victim, { samples: ten, certificates }))
const carliniWagner = parts.includes('ten') ? await attackTen('foolbox-cw') : undefined
// The first run makes sessions and compiles code; the second shows what a long job pays.
const cold = parts.includes('ten') ? await attackTen('auto') : undefined
const auto = parts.includes('ten') ? await attackTen('auto') : undefined

const theirs = values.python === undefined ? undefined : foolbox(values.python, loaded.model, ten, many)
const answer = typeof theirs === 'object' ? theirs : undefined
if (answer) {
  let apart = 0
  for (const [i, { image }] of ten.entries()) {
    const logits = await victim.logits(image)
    logits.forEach((z, k) => {
      apart = Math.max(apart, Math.abs(z - answer.logits[i * logits.length + k]!))
    })
  }
  const versions = Object.entries(answer.versions).map((pair) => pair.join(' '))
  console.log(`foolbox side: ${versions.join(', ')}; logits apart by at most ${apart.toExponential(1)}`)
} else if (theirs !== undefined) {
  console.log(`foolbox did not run: ${theirs}. Get it with: ${values.python} -m pip install torch foolbox`)
}
await victim.release()

const time = (seconds: number) => (seconds < 1 ? `${(1000 * seconds).toFixed(2)} ms` : `${seconds.toFixed(1)} s`)
const against = (their: number | undefined, our: number) =>
  their === undefined ? '' : ` | foolbox ${time(their)}, ratio ${(their / our).toFixed(1)}`

for (const [k, step] of STEPS.entries()) {
  const seconds = steps[k]
  if (seconds === undefined) continue
  const each = `${((1e6 * seconds) / step.batch).toFixed(0)} us a sample`
  console.log(`C&W step, batch ${step.batch}: ${time(seconds)}, ${each}${against(answer?.steps[k], seconds)}`)
}
if (carliniWagner && auto && cold) {
  const their = answer?.attack
  const line = (name: string, { value, wall, cpu }: typeof auto, ratio = '') =>
    console.log(
      `${name}: mean distance ${value.report.meanDistance?.toFixed(4)}, ${value.report.gradients?.toFixed(0)} gradients a sample, ` +
        `${time(wall)} (${time(cpu)} of CPU)${ratio}`,
    )
  line('C&W 6x8000, ten images', carliniWagner, against(their?.wall, carliniWagner.wall))
  line('auto, first run', cold, against(their?.wall, cold.wall))
  line('auto, warm', auto, against(their?.wall, auto.wall))
  console.log('\n| image | class | certificate | C&W 6x8000 | foolbox | auto |\n|---|---|---|---|---|---|')
  for (const [i, { index, label }] of ten.entries()) {
    const of = ({ value }: typeof auto) => value.report.samples[i]!.distance?.toFixed(5) ?? 'not found'
    const theirDistance = their ? (their.distances[i]?.toFixed(5) ?? 'not found') : '-'
    const radius = certificates.get(index)!.radius.toFixed(5)
    console.log(
      `| ${index} | ${data.classes[label]} | ${radius} | ${of(carliniWagner)} | ${theirDistance} | ${of(auto)} |`,
    )
  }
  const of = ({ value }: typeof auto, i: number) => value.report.samples[i]!.distance ?? Infinity
  const worse = ten.filter((_, i) => of(auto, i) > of(carliniWagner, i)).length
  const inside = ten.filter(({ index }, i) => of(auto, i) <= certificates.get(index)!.radius).length
  console.log(`auto is farther than C&W on ${worse} of ${ten.length} images; distances inside a certificate: ${inside}`)
  if (their) {
    const apart = their.distances.map((d, i) => Math.abs(of(carliniWagner, i) / (d ?? Number.NaN) - 1))
    console.log(`C&W distances differ from foolbox's by at most ${(100 * Math.max(...apart)).toFixed(2)} %`)
  }
}
