import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadDataset } from '../../src/data/index.ts'
import * as tf from '../../src/layers/tf.ts'
import type { Model, Node } from '../../src/onnx/ir.ts'
import { readModel } from '../../src/onnx/read.ts'
import { writeModel } from '../../src/onnx/write.ts'
import { startBackend } from '../../src/training/backend.ts'
import { buildNetwork } from '../../src/training/build-network.ts'
import { openRunFolder } from '../../src/training/run-folder.ts'
import { weightStore } from '../../src/training/variables.ts'
import { runMain } from '../cli/run-main.ts'

const DATA = process.env.LIP_ONNX_DATA ?? '../shared/data'
const IMAGES = 2000
const present = existsSync(join(DATA, 'fashion-mnist'))

describe.skipIf(!present)(`demo 4 on Fashion-MNIST (skipped unless ${DATA} holds it)`, () => {
  let folder = ''
  let run = ''
  let model: Model
  const file = (name: string) => join(folder, name)
  const verify = (path: string, ...more: string[]) => runMain(['verify', path, '--quiet', ...more])

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lip-onnx-demo-'))
    run = file('run')
    const { code, stderr } = await runMain([
      'demo',
      '--fast',
      '--epochs',
      '1',
      '--out',
      run,
      '--data-dir',
      DATA,
      '--quiet',
    ])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    model = (await readModel(join(run, 'model.onnx'))).model
  }, 240_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('leaves model.onnx, report.json and report.html', async () => {
    const report = JSON.parse(await readFile(join(run, 'report.json'), 'utf8'))
    expect(report.exitCode).toBe(0)
    expect(report.lipschitz.logit.upper).toBeLessThanOrEqual(1)
    const page = await readFile(join(run, 'report.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>/i)
    expect(page).not.toMatch(/(src|href)="https?:/)
  })

  it('certifies radii at least 1.38 times the seed rule, and no attack enters one', async () => {
    const { certificates, attacks } = JSON.parse(await readFile(join(run, 'report.json'), 'utf8'))
    expect(certificates.mean).toBeGreaterThan(1.38 * certificates.meanSeedRadius)
    for (const attack of attacks) expect(attack.minRatio).toBeGreaterThan(1)
  })

  it(`exports logits that tfjs gives too, within 1e-4, on ${IMAGES} test images`, async () => {
    const { images, count } = await loadDataset('fashion-mnist', {
      split: 'test',
      samples: IMAGES,
      dataDir: DATA,
      env: {},
    })
    const session = await ort.InferenceSession.create(join(run, 'model.onnx'))
    const [input] = session.inputNames
    const out = await session.run({ [input!]: new ort.Tensor('float32', images, [count, 1, 28, 28]) })
    const theirs = out[session.outputNames[0]!]!.data as Float32Array
    await session.release()

    await startBackend('wasm')
    const opened = await openRunFolder(run, undefined, { resume: true })
    const network = buildNetwork(opened.config)
    weightStore(network.layers).writeAll((await opened.latest())!.weights)
    const ours = tf.tidy(() => {
      let x: tf.Tensor = tf.tensor4d(images, [count, 28, 28, 1])
      for (const layer of network.layers) x = layer.apply(x, { training: false }) as tf.Tensor
      return x.dataSync()
    })
    // The strict exporter may scale a layer by its proved norm: at most some 1e-6 here.
    let worst = 0
    for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!))
    expect(ours.length).toBe(10 * IMAGES)
    expect(worst).toBeLessThan(1e-4)
  })

  it('one convolution times 1.05: the claim of that layer is disproved', async () => {
    const conv = model.graph.nodes.find(({ op }) => op === 'Conv')!
    await writeModel(withWeights(model, conv, 1.05), file('scaled.onnx'))
    const { code, stdout } = await verify(file('scaled.onnx'))
    expect(code).toBe(1)
    expect(stdout).toMatch(/^VIOLATED/m)
  })

  it('just above the limit and without metadata it is never green', async () => {
    const { lipschitz } = JSON.parse(await readFile(join(run, 'report.json'), 'utf8'))
    const conv = model.graph.nodes.find(({ op }) => op === 'Conv')!
    const larger = withWeights(model, conv, 1.05 / lipschitz.logit.upper)
    await writeModel({ ...larger, metadata: new Map() }, file('bare.onnx'))
    expect((await verify(file('bare.onnx'))).code).not.toBe(0)
  })

  it('with a node of another domain it is inconclusive, and names the node', async () => {
    const [output] = model.graph.outputs
    const last: Node = { ...model.graph.nodes.at(-1)!, name: 'mystery', op: 'Mystery', domain: 'com.example' }
    const nodes = [...model.graph.nodes.slice(0, -1), last]
    await writeModel({ ...model, graph: { ...model.graph, nodes, outputs: [output!] } }, file('custom.onnx'))
    const { code, stdout } = await verify(file('custom.onnx'))
    expect(code).toBe(2)
    expect(stdout).toContain('Mystery')
  })

  it('cut in half it cannot be read', async () => {
    const bytes = await readFile(join(run, 'model.onnx'))
    await writeFile(file('half.onnx'), bytes.subarray(0, bytes.length / 2))
    const { code, stderr } = await verify(file('half.onnx'))
    expect(code).toBe(4)
    expect(stderr).toContain('half.onnx')
  })

  it('never writes into a folder that is there', async () => {
    const { code, stderr } = await runMain(['demo', '--fast', '--out', run, '--data-dir', DATA])
    expect(code).toBe(4)
    expect(stderr).toContain(run)
    expect((await verify(join(run, 'model.onnx'))).code).toBe(0)
  })
})

function withWeights(model: Model, node: Node, factor: number): Model {
  const name = node.inputs[1]!
  const weights = model.graph.initializers.get(name)!
  const data = (weights.data as Float32Array).map((w) => factor * w)
  const initializers = new Map(model.graph.initializers).set(name, { ...weights, data })
  return { ...model, graph: { ...model.graph, initializers } }
}
