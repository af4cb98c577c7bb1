/**
 * How long it takes to bound whole networks, from the bytes of the file to the constant.
 *
 * `npm run bench -- bounds [--only demo,deep,resnet] [--file model.onnx] [--workers 2] [--dist dist]`
 *
 * - demo: the seed's demo network (16 and 32 filters at 28x28), random weights
 * - deep: 64-64-128-128-256-256 filters at 28x28, deel-lip's later demo 4
 * - resnet: the layers of a ResNet-18 at 224x224 (3x3x512x512 at 7x7 included), batch normalisations folded
 *
 * Layers run on worker threads where compiled code or Node itself can start them: `--dist` names a folder with `npm run build`'s
 * output. Processor time is printed beside the clock, since other work on the machine slows only the clock down.
 */
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import type * as Lipschitz from '../src/lipschitz/index.ts'
import type { Model } from '../src/onnx/ir.ts'
import { encodeModel } from '../src/onnx/write.ts'
import { NETWORKS } from './lib/networks.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'demo,deep,resnet' },
    file: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: String(availableParallelism()) },
    dist: { type: 'string' },
  },
})

/** The library as source, or compiled. */
async function load(): Promise<{
  readonly analyse: typeof Lipschitz.analyse
  readonly decode: (bytes: Uint8Array) => Model
  readonly prepare: typeof import('../src/graph/prepare.ts').prepare
}> {
  const at = (path: string): string =>
    values.dist === undefined ? `../src/${path}.ts` : pathToFileURL(resolve(values.dist, `${path}.js`)).href
  const { analyse } = await import(at('lipschitz/analyse'))
  const { decodeModel } = await import(at('onnx/read'))
  const { prepare } = await import(at('graph/prepare'))
  return { analyse, decode: decodeModel, prepare }
}

const { analyse, decode, prepare } = await load()
const { readFile } = await import('node:fs/promises')
const rows: string[][] = [['network', 'parameters', 'seconds', 'processor s', 'joint bound', 'features']]

async function measure(name: string, bytes: Uint8Array): Promise<void> {
  const [clock, processor] = [performance.now(), process.cpuUsage()]
  const model = decode(bytes)
  const { bounds } = await analyse(prepare(model, { batch: 1 }), {
    workers: Number(values.workers),
    onProgress: (done, total) => process.stderr.write(`\r${name}: ${done} of ${total} linear maps   `),
  })
  const seconds = (performance.now() - clock) / 1000
  const spent = process.cpuUsage(processor)
  process.stderr.write('\r')
  const parameters = [...model.graph.initializers.values()].reduce(
    (sum, { dims }) => sum + dims.reduce((n, dim) => n * dim, 1),
    0,
  )
  const shown = (value: number | null): string => (value === null ? 'none' : value.toPrecision(6))
  rows.push([
    name,
    parameters.toLocaleString('en'),
    seconds.toFixed(2),
    ((spent.user + spent.system) / 1e6).toFixed(2),
    shown(bounds.joint.upper),
    shown(bounds.features.upper),
  ])
}

const chosen = values.file.length > 0 ? [] : values.only.split(',')
for (const name of chosen) {
  const build = NETWORKS[name]
  if (!build) throw new Error(`There is no network '${name}'; there are ${Object.keys(NETWORKS).join(', ')}.`)
  await measure(name, encodeModel(build()))
}
for (const file of values.file) await measure(file, await readFile(file))

console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${values.workers} workers, load ${loadavg()[0]!.toFixed(1)}`,
)
for (const row of rows) console.log(`| ${row.join(' | ')} |`)
