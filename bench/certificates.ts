/**
 * What certificates cost beside running the network: 10,000 images through onnxruntime alone, and the same with certificates.
 *
 * `npm run bench -- certificates [--file model.onnx] [--images 10000] [--batch 256] [--rounds 5]`
 *
 * Without a file, the demo network with random weights; images are random. Both ways run in turns, so that whatever else the
 * machine does slows both down; the median of the rounds is shown, and the median of the rounds' quotients.
 */
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { prepare } from '../src/graph/prepare.ts'
import { randomStream } from '../src/linalg/random.ts'
import { analyse, certify } from '../src/lipschitz/index.ts'
import { vectorNormUpper } from '../src/lipschitz/norms/index.ts'
import { decodeModel } from '../src/onnx/read.ts'
import { encodeModel } from '../src/onnx/write.ts'
import { batchedForward } from '../src/runtime/batched-forward.ts'
import { openSession } from '../src/runtime/session.ts'
import { NETWORKS } from './lib/networks.ts'

const { values } = parseArgs({
  options: {
    file: { type: 'string' },
    images: { type: 'string', default: '10000' },
    batch: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
  },
})
const [images, batch, rounds] = [values.images, values.batch, values.rounds].map(Number) as [number, number, number]
const bytes = values.file === undefined ? encodeModel(NETWORKS.demo!()) : await readFile(values.file)
const now = (): number => performance.now() / 1000

const before = now()
const analysis = await analyse(prepare(decodeModel(bytes), { batch: 1 }))
const bound = now() - before

const { dims } = analysis.program.inputs[0]!
const stream = randomStream(2)
const points = Float32Array.from({ length: images * analysis.inputSize }, () => stream.uniform())
const session = await openSession(bytes, { provider: 'cpu' })
const forward = () => batchedForward(session, points, dims.slice(1), { batch })

async function certified(): Promise<number> {
  const { rows, width } = await forward()
  let mean = 0
  for (let index = 0; index < images; index++) {
    const logits = rows.subarray(index * width, (index + 1) * width)
    const inputNorm = vectorNormUpper(points.subarray(index * analysis.inputSize, (index + 1) * analysis.inputSize))
    mean += certify(analysis, { logits, inputNorm, label: 0, index }).radius / images
  }
  return mean
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = now()
  await work()
  return now() - start
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!
const alone: number[] = []
const both: number[] = []
// The first turn of each warms up.
await forward()
await certified()
for (let round = 0; round < rounds; round++) {
  alone.push(await timed(forward))
  both.push(await timed(certified))
}
await session.release()

console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, load ${loadavg()[0]!.toFixed(1)}`,
)
console.log(`${images} images, batch ${batch}, ${rounds} rounds`)
console.log(`| bound, once | forward | forward and certificates | quotient |`)
console.log(
  `| ${bound.toFixed(2)} s | ${median(alone).toFixed(2)} s | ${median(both).toFixed(2)} s | ${median(both.map((t, k) => t / alone[k]!)).toFixed(2)} |`,
)
