import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { LipError } from '../../src/errors.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { decodeModel, readModel } from '../../src/onnx/read.ts'
import { ModelMessage } from '../../src/onnx/schema.ts'
import { toNdArray } from '../../src/onnx/tensor.ts'
import { encodeModel } from '../../src/onnx/write.ts'

type Wire = Record<string, unknown>

const valueInfo = (name: string, ...dims: number[]): Wire => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
})
const weights = (overrides: Wire = {}): Wire => ({
  name: 'w',
  dims: [2],
  dataType: 1,
  rawData: new Uint8Array(8),
  ...overrides,
})
const add: Wire = { name: 'add', opType: 'Add', input: ['x', 'w'], output: ['y'] }

/** x + w, with parts of the graph or the model put in another's place. */
function file(graph: Wire = {}, model: Wire = {}): Uint8Array {
  return ModelMessage.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 18 }],
    graph: {
      name: 'g',
      node: [add],
      input: [valueInfo('x', 2)],
      output: [valueInfo('y', 2)],
      initializer: [weights()],
      ...graph,
    },
    ...model,
  }).finish()
}

function failure(act: () => unknown): LipError {
  try {
    act()
  } catch (error) {
    expect(error).toBeInstanceOf(LipError)
    return error as LipError
  }
  throw new Error('nothing was thrown')
}

const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-read-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('files that are none', () => {
  it('a missing file is named', async () => {
    const error = await readModel(join(folder, 'nothing.onnx')).catch((e) => e)
    expect([error.code, error.exitCode]).toEqual(['FILE_NOT_FOUND', 4])
    expect(error.message).toContain('nothing.onnx')
    expect((await readModel(folder).catch((e) => e)).code).toBe('FILE_NOT_FOUND')
  })

  it.each([
    ['empty', '', /empty/],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', /git lfs pull/],
    ['a zip archive', 'PK\x03\x04 and so on', /zip/],
    ['a text', '{"format": "layers-model"}', /text/],
    ['the ORT format', '\x20\0\0\0ORTM\0\0\0\0', /ORT format/],
  ])('%s says so', (_, content, message) => {
    const error = failure(() => decodeModel(new TextEncoder().encode(content)))
    expect([error.code, error.exitCode]).toEqual(['MODEL_INVALID', 4])
    expect(error.message).toMatch(message)
  })

  it('a file cut off anywhere is invalid, never half a graph', () => {
    const whole = file()
    for (let end = 0; end < whole.length; end++)
      expect(failure(() => decodeModel(whole.subarray(0, end))).code).toBe('MODEL_INVALID')
    expect(decodeModel(whole).graph.nodes).toHaveLength(1)
  })

  it('damaged bytes end in a LipError or in a model, nothing else, up to its preparation', () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 1, 4, 4])
    const conv = b.node('Conv', [x, b.initializer('w', [2, 1, 3, 3], new Float32Array(18))], { pads: [1, 1, 1, 1] })
    const flat = b.node('Reshape', [b.node('Relu', [conv]), b.indices([0, -1])])
    b.output(b.node('Gemm', [flat, b.initializer('v', [3, 32], new Float32Array(96))], { transB: 1 }))
    const whole = encodeModel(b.build())
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = whole.slice()
          for (const [at, value] of changes) bytes[at] = value
          try {
            prepare(decodeModel(bytes), { batch: 2 })
          } catch (error) {
            if (!(error instanceof LipError)) throw error
          }
        },
      ),
      { numRuns: 2000, seed: 1 },
    )
  })
})

describe('graphs that are none', () => {
  const relu = (input: string, output: string, name = ''): Wire => ({
    name,
    opType: 'Relu',
    input: [input],
    output: [output],
  })
  it.each<[string, Wire, RegExp]>([
    ['a dangling input', { node: [relu('nowhere', 'y')] }, /'nowhere'/],
    ['a dangling output', { output: [valueInfo('z', 2)] }, /'z'/],
    ['a value made twice', { node: [add, add] }, /'y' is given twice/],
    ['a value made over an initializer', { node: [add, relu('x', 'w')] }, /'w' is given twice/],
    ['two initializers of one name', { initializer: [weights(), weights()] }, /'w'/],
    ['two inputs of one name', { input: [valueInfo('x', 2), valueInfo('x', 2)] }, /'x' is given twice/],
    ['a cycle', { node: [relu('b', 'a', 'one'), relu('a', 'b', 'two'), add] }, /cycle/],
    ['a node that reads itself', { node: [relu('a', 'a'), add] }, /cycle/],
    ['a node without an operator', { node: [{ input: ['x'], output: ['y'] }] }, /no operator/],
    [
      'an attribute given twice',
      {
        node: [
          {
            ...add,
            attribute: [
              { name: 'k', type: 2, i: 1 },
              { name: 'k', type: 2, i: 2 },
            ],
          },
        ],
      },
      /'k' twice/,
    ],
    ['an attribute without a type', { node: [{ ...add, attribute: [{ name: 'k', i: 1 }] }] }, /'k'/],
  ])('%s', (_, graph, message) => {
    const error = failure(() => decodeModel(file(graph)))
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toMatch(message)
  })

  it('nodes out of order are put in order', () => {
    const model = decodeModel(file({ node: [{ ...add, input: ['x', 'r'] }, relu('w', 'r')] }))
    expect(prepare(model, { batch: 1 }).nodes.map(({ site }) => site.node.op)).toEqual(['Add'])
  })

  it('unnamed nodes get names of their own', () => {
    const nodes = [relu('x', 'a'), relu('a', 'b', 'Relu_0'), relu('b', 'c', 'Relu_0'), { ...add, input: ['c', 'w'] }]
    const names = decodeModel(file({ node: nodes })).graph.nodes.map((node) => node.name)
    expect(new Set(names).size).toBe(4)
    expect(names[1]).toBe('Relu_0')
  })
})

describe('tensors', () => {
  const read = (tensor: Wire) => decodeModel(file({ initializer: [weights(tensor)] })).graph.initializers.get('w')!
  it.each<[string, Wire, RegExp]>([
    ['raw data of a wrong length', { rawData: new Uint8Array(7) }, /7 bytes.*needs 8/],
    ['no data at all', { rawData: undefined }, /0 elements.*needs 2/],
    ['raw and typed data', { floatData: [1, 2] }, /both raw and typed/],
    ['data in the wrong field', { rawData: undefined, int64Data: [1, 2] }, /wrong field/],
    ['a negative dimension', { dims: [-1] }, /-1/],
    ['dims that overflow', { dims: [2 ** 40, 2 ** 40] }, /more elements/],
    ['dims far beyond the data', { dims: [2 ** 40] }, /8 bytes/],
    ['too few typed elements', { rawData: undefined, floatData: [1] }, /1 elements.*needs 2/],
    ['an unknown data location', { dataLocation: 7 }, /data location 7/],
  ])('%s', (_, tensor, message) => {
    const error = failure(() => read(tensor))
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toMatch(message)
  })

  it('are exact in every type', () => {
    const values = (tensor: Wire) => [...toNdArray(read({ rawData: undefined, ...tensor })).data]
    expect(values({ floatData: [0.1, -0] })).toEqual([Math.fround(0.1), -0])
    expect(values({ dataType: 11, doubleData: [0.1, 1e300] })).toEqual([0.1, 1e300])
    expect(values({ dataType: 10, int32Data: [0x3c01, 0x8001] })).toEqual([1 + 2 ** -10, -(2 ** -24)])
    expect(values({ dataType: 10, int32Data: [0x7bff, 0xfc00] })).toEqual([65504, -Infinity])
    expect(values({ dataType: 16, int32Data: [0x3f81, 0xff80] })).toEqual([1 + 2 ** -7, -Infinity])
    expect(values({ dataType: 7, int64Data: [3, -1] })).toEqual([3, -1])
    expect(values({ dataType: 13, uint64Data: [3, 2 ** 40] })).toEqual([3, 2 ** 40])
    expect(values({ dataType: 12, uint64Data: [3, 4294967295] })).toEqual([3, 4294967295])
    expect(values({ dataType: 9, int32Data: [0, 1] })).toEqual([0, 1])
    expect(values({ dataType: 3, int32Data: [-128, 127] })).toEqual([-128, 127])
    // Four-bit numbers, two a byte, the first in the low half; an odd one leaves the last half empty.
    expect(values({ dataType: 22, dims: [3], int32Data: [0x7f, 0x08] })).toEqual([-1, 7, -8])
    expect(values({ dataType: 21, dims: [3], rawData: Uint8Array.of(0xf1, 0x0a) })).toEqual([1, 15, 10])
  })

  it('raw data need not be aligned', () => {
    const bytes = file({
      name: 'odd',
      initializer: [weights({ rawData: new Uint8Array(Float32Array.of(1.5, -2).buffer) })],
    })
    for (let shift = 0; shift < 4; shift++) {
      const moved = new Uint8Array(bytes.length + shift)
      moved.set(bytes, shift)
      const tensor = decodeModel(moved.subarray(shift)).graph.initializers.get('w')!
      expect([...(tensor.data as Float32Array)]).toEqual([1.5, -2])
    }
  })

  it('a dimension of 0 is a size, a negative one unknown', () => {
    const dims = (dim: Wire) =>
      decodeModel(file({ input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [dim] } } } }] })).graph
        .inputs[0]!.dims
    expect(dims({ dimValue: 0 })).toEqual([0])
    expect(dims({ dimValue: -1 })).toEqual([undefined])
    expect(dims({})).toEqual([undefined])
    expect(dims({ dimParam: 'N' })).toEqual(['N'])
  })

  it('sparse weights are not supported, and say so', () => {
    const error = failure(() =>
      decodeModel(file({ sparseInitializer: [{ values: weights({ name: 's' }), dims: [4] }] })),
    )
    expect([error.code, error.exitCode]).toEqual(['MODEL_UNSUPPORTED', 2])
  })
})

describe('external data', () => {
  const home = join(folder, 'home')
  mkdirSync(join(home, 'parts'), { recursive: true })
  const secret = join(folder, 'secret.bin')
  const data = new Uint8Array(Float32Array.of(9, 8, 7, 6).buffer)
  writeFileSync(secret, data)
  writeFileSync(join(home, 'parts', 'w.bin'), data)
  symlinkSync(secret, join(home, 'link.bin'))
  symlinkSync(folder, join(home, 'up'))
  symlinkSync(join(home, 'parts', 'w.bin'), join(home, 'good-link.bin'))

  const read = async (entries: Record<string, string>, inline: Wire = {}): Promise<Model> => {
    const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }))
    const tensor = weights({ rawData: undefined, dataLocation: 1, externalData, ...inline })
    writeFileSync(join(home, 'm.onnx'), file({ initializer: [tensor] }))
    return (await readModel(join(home, 'm.onnx'))).model
  }

  it('inside the folder is read, at its offset, links inside included', async () => {
    const values = async (entries: Record<string, string>) => [
      ...((await read(entries)).graph.initializers.get('w')!.data as Float32Array),
    ]
    expect(await values({ location: 'parts/w.bin' })).toEqual([9, 8])
    expect(await values({ location: 'parts/w.bin', offset: '8', length: '8' })).toEqual([7, 6])
    expect(await values({ location: './parts/w.bin', offset: '4' })).toEqual([8, 7])
    expect(await values({ location: 'good-link.bin' })).toEqual([9, 8])
  })

  it.each<[string, Record<string, string>, RegExp]>([
    ['above the folder', { location: '../secret.bin' }, /outside/],
    ['above the folder, deeper', { location: 'parts/../../secret.bin' }, /outside/],
    ['above the folder with backslashes', { location: '..\\secret.bin' }, /outside/],
    ['an absolute path', { location: secret }, /outside/],
    ['a drive', { location: 'C:\\secret.bin' }, /outside/],
    ['a link out of the folder', { location: 'link.bin' }, /outside/],
    ['through a linked folder', { location: 'up/secret.bin' }, /outside/],
    ['a file that is not there', { location: 'nothing.bin' }, /missing/],
    ['no location', { offset: '0' }, /names no file/],
    ['a folder', { location: 'parts' }, /not a regular file/],
    ['a device', { location: 'up' }, /outside/],
    ['beyond the end', { location: 'parts/w.bin', offset: '12' }, /which has 16/],
    ['an offset that is no number', { location: 'parts/w.bin', offset: '-8' }, /bad offset/],
    ['a huge offset', { location: 'parts/w.bin', offset: '99999999999999999999' }, /bad offset/],
    ['a length that does not fit', { location: 'parts/w.bin', length: '4' }, /4 bytes.*need 8/],
  ])('%s is refused', async (_, entries, message) => {
    const error = await read(entries).catch((e) => e)
    expect(error).toBeInstanceOf(LipError)
    expect([error.code, error.exitCode]).toEqual(['MODEL_INVALID', 4])
    expect(error.message).toMatch(message)
  })

  it('is hashed as a whole, file by file', async () => {
    const externalData = [{ key: 'location', value: 'parts/w.bin' }]
    writeFileSync(
      join(home, 'h.onnx'),
      file({ initializer: [weights({ rawData: undefined, dataLocation: 1, externalData })] }),
    )
    const loaded = await readModel(join(home, 'h.onnx'))
    const sha256 = createHash('sha256').update(data).digest('hex')
    expect(loaded.externalData).toEqual([{ location: 'parts/w.bin', sha256, bytes: 16 }])
    // A change in a part that the model does not use is another file, too.
    writeFileSync(join(home, 'parts', 'w.bin'), data.with(15, 1))
    const [changed] = (await readModel(join(home, 'h.onnx'))).externalData
    writeFileSync(join(home, 'parts', 'w.bin'), data)
    expect(changed!.sha256).not.toBe(sha256)
  })

  it('beside inline data, or without a folder, is refused', async () => {
    const both = await read({ location: 'parts/w.bin' }, { rawData: new Uint8Array(8) }).catch((e) => e)
    expect(both.message).toMatch(/both external and inline/)
    const bytes = file({
      initializer: [
        weights({ rawData: undefined, dataLocation: 1, externalData: [{ key: 'location', value: 'parts/w.bin' }] }),
      ],
    })
    expect(failure(() => decodeModel(bytes)).message).toMatch(/without a folder/)
  })

  it('declared sizes cost nothing before the data is seen', async () => {
    const before = process.memoryUsage().arrayBuffers
    const error = await read({ location: 'parts/w.bin' }, { dims: [2 ** 33] }).catch((e) => e)
    expect(error.message).toMatch(/which has 16/)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26)
  })
})

describe('files of the future', () => {
  it('are read, and refused by name when they are analysed', () => {
    const newer = prepare(decodeModel(file({}, { irVersion: 99 })), { batch: 1 })
    expect(newer.refused).toEqual([expect.objectContaining({ name: 'model', reason: expect.stringMatching(/99/) })])
    const opset = prepare(decodeModel(file({}, { opsetImport: [{ version: 99 }] })), { batch: 1 })
    expect(opset.refused).toEqual([{ name: 'add', op: 'Add', reason: 'no rule at opset 99' }])
    const contradiction = { opsetImport: [{ version: 13 }, { domain: 'ai.onnx', version: 18 }] }
    expect(failure(() => decodeModel(file({}, contradiction))).code).toBe('MODEL_INVALID')
  })
})
