import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeModel } from '../../src/export/describe.ts'
import { certifiedModel } from '../../src/export/export-model.ts'
import { describeKerasModel } from '../../src/export/keras/model-config.ts'
import { readTfjsModel } from '../../src/export/tfjs/read-model.ts'
import { writeTfjsModel } from '../../src/export/tfjs/write-model.ts'
import * as L from '../../src/layers/index.ts'
import * as tf from '../../src/layers/tf.ts'
import { startBackend } from '../../src/training/backend.ts'
import { largestDifference, onnxLogits } from './onnx-logits.ts'

const apply = (layer: tf.layers.Layer, ...inputs: tf.SymbolicTensor[]) =>
  layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.SymbolicTensor

/** Branches whose channels stand in another order (a sort of pairs) meet branches whose do not. */
function branched(merge: (x: tf.SymbolicTensor, y: tf.SymbolicTensor) => tf.SymbolicTensor): tf.LayersModel {
  const input = tf.input({ shape: [4, 5, 2], name: 'image' })
  const stem = apply(
    new L.SpectralConv2D({ name: 'stem', filters: 4, kernelSize: 3, activation: new L.GroupSort2() }),
    input,
  )
  const left = apply(
    new L.SpectralConv2D({ name: 'left', filters: 4, kernelSize: 2, activation: new L.GroupSort2() }),
    stem,
  )
  // A second sort of what another branch reads too must not turn its channels around.
  const right = apply(new L.MaxMin({ name: 'right' }), apply(new L.GroupSort({ name: 'sort', n: 4 }), stem))
  const narrow = apply(new L.SpectralConv2D({ name: 'narrow', filters: 4, kernelSize: 1 }), right)
  const merged = merge(left, merge(stem, narrow))
  const head = apply(
    new L.SpectralDense({ name: 'head', units: 3 }),
    apply(tf.layers.flatten({ name: 'flat' }), merged),
  )
  return tf.model({ inputs: input, outputs: head, name: 'branched' })
}

let folder: string
beforeAll(async () => {
  await startBackend('cpu')
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-branches-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('models with branches', () => {
  let counter = 0
  it.each([
    ['Add', () => tf.layers.add({ name: `add${counter++}` })],
    ['Average', () => tf.layers.average({ name: `average${counter++}` })],
    ['Concatenate', () => tf.layers.concatenate({ name: `concat${counter++}` })],
    ['LipResidual', () => new L.LipResidual({ name: `residual${counter++}` })],
  ])('%s: the logits of tfjs, a bound, through model.json too', async (_, make) => {
    const model = branched((x, y) => apply(make() as tf.layers.Layer, x, y))
    const network = describeModel(model)
    const { logits, samples } = await onnxLogits(network, 3, 5)
    const theirs = (model.predict(tf.tensor(samples, [3, 4, 5, 2])) as tf.Tensor).dataSync()
    expect(largestDifference(logits, theirs)).toBeLessThan(1e-4)
    const { claim } = await certifiedModel(network)
    expect(claim.upper).toBe(1)

    const path = join(folder, 'branched.json')
    await writeTfjsModel(model, path)
    const again = await onnxLogits(await readTfjsModel(path), 3, 5)
    expect(largestDifference(again.logits, logits)).toBe(0)
  })

  it('proves a convex combination of 1-Lipschitz branches 1-Lipschitz', async () => {
    const model = branched((x, y) => apply(new L.LipResidual({ name: `residual${counter++}` }), x, y))
    const { outputScale } = await certifiedModel(describeModel(model), { mode: 'strict' })
    expect(outputScale).toBe(1)
  })

  const weights = { of: () => ({}), inside: () => weights }
  const dense = (name: string, inbound: unknown) => ({
    class_name: 'Dense',
    name,
    config: { name, units: 2 },
    inbound_nodes: inbound as unknown[],
  })
  const input = {
    class_name: 'InputLayer',
    name: 'in',
    config: { name: 'in', batch_shape: [null, 2] },
    inbound_nodes: [],
  }
  const functional = (layers: unknown[], outputs: unknown) =>
    describeKerasModel(
      {
        class_name: 'Functional',
        config: { name: 'f', layers: layers as never, input_layers: [['in', 0, 0]], output_layers: outputs },
      },
      { path: 'f.keras', weights },
    )
  const keras3 = (...names: string[]) => [
    {
      args: names.map((name) => ({
        class_name: '__keras_tensor__',
        config: { shape: [null, 2], keras_history: [name, 0, 0] },
      })),
      kwargs: {},
    },
  ]

  it('reads the nodes of Keras 2 and 3, in any order of layers', () => {
    const two = functional([dense('b', [[['a', 0, 0, {}]]]), dense('a', [[['in', 0, 0, {}]]]), input], [['b', 0, 0]])
    const three = functional([dense('b', keras3('a')), dense('a', keras3('in')), input], ['b', 0, 0])
    expect(two.layers.map(({ name, inputs }) => [name, inputs])).toEqual([
      ['in', []],
      ['a', ['in']],
      ['b', ['a']],
    ])
    expect(three).toEqual(two)
  })

  it('gives every use of a shared layer a name of its own', () => {
    const shared = dense('a', [[['in', 0, 0, {}]], [['a', 0, 0, {}]]])
    const { layers, output } = functional([input, shared], [['a', 1, 0]])
    expect(layers.map(({ name, inputs }) => [name, inputs])).toEqual([
      ['in', []],
      ['a', ['in']],
      ['a/1', ['a']],
    ])
    expect(output).toBe('a/1')
  })

  it('takes models inside the model apart', () => {
    const inner = { ...input, name: 'x', config: { name: 'x', batch_shape: [null, 2] } }
    const block = {
      class_name: 'deel-lip>Model',
      name: 'block',
      config: {
        name: 'block',
        layers: [inner, dense('a', keras3('x')), dense('b', keras3('a'))],
        input_layers: ['x', 0, 0],
        output_layers: ['b', 0, 0],
      },
      // Keras 2 counts the use that made the block.
      inbound_nodes: [[['a', 0, 0, {}]]],
    }
    const rows = { class_name: 'Sequential', config: { name: 'rows', layers: [inner, dense('c', undefined)] } }
    const layers = [
      input,
      dense('a', keras3('in')),
      block,
      { ...rows, name: 'rows', inbound_nodes: [[['block', 1, 0]]] },
    ]
    const network = functional(layers, [['rows', 0, 0]])
    expect(network.layers.map(({ name, inputs }) => [name, inputs])).toEqual([
      ['in', []],
      ['a', ['in']],
      ['block/x', ['a']],
      ['block/a', ['block/x']],
      ['block/b', ['block/a']],
      ['rows/x', ['block/b']],
      ['rows/c', ['rows/x']],
    ])
    expect(network.output).toBe('rows/c')
  })

  it('refuses operations that are no layers, and layers that read nothing', () => {
    const operation = { ...dense('a', keras3('in')), class_name: 'Concatenate', module: 'keras.src.ops.numpy' }
    expect(() => functional([input, operation], [['a', 0, 0]])).toThrow(/operation Concatenate of keras.ops/)
    expect(() => functional([input, dense('a', [{ args: [2], kwargs: {} }])], [['a', 0, 0]])).toThrow(
      /'a'.*reads nothing/,
    )
  })

  it('refuses several outputs, cycles, sources and uses that are not there', () => {
    const twice = dense('a', [[['in', 0, 0, {}]], [['a', 2, 0, {}]]])
    expect(() => functional([input, twice], [['a', 1, 0]])).toThrow(/'a' that it does not have/)
    expect(() =>
      functional(
        [input, dense('a', keras3('in'))],
        [
          ['a', 0, 0],
          ['in', 0, 0],
        ],
      ),
    ).toThrow(/2 outputs/)
    expect(() => functional([input, dense('a', keras3('b')), dense('b', keras3('a'))], [['b', 0, 0]])).toThrow(/cycle/)
    expect(() => functional([input, dense('a', keras3('c'))], [['a', 0, 0]])).toThrow(/'c'/)
  })
})
