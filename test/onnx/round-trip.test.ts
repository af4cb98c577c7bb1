import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Attribute, ElementType, Model, StoredTensor } from '../../src/onnx/ir.ts'
import { decodeModel, decodeTensorFile, readModel } from '../../src/onnx/read.ts'
import { storeTensor } from '../../src/onnx/tensor.ts'
import { encodeModel, encodeTensorFile, writeModel } from '../../src/onnx/write.ts'
import { runOnnx } from '../graph/oracle.ts'

const zoo = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'

const int64 = fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 })
const float = fc.float({ noNaN: true })

const tensor: fc.Arbitrary<StoredTensor> = fc
  .tuple(
    fc.string({ maxLength: 5 }),
    fc.array(fc.nat(3), { maxLength: 3 }),
    fc.constantFrom<ElementType>('float32', 'float64', 'int64', 'int32', 'uint8', 'int8', 'uint16', 'bool', 'uint32'),
    fc.infiniteStream(float),
    fc.infiniteStream(fc.nat(1)),
  )
  .map(([name, dims, type, floats, bits]) => {
    const count = dims.reduce((product, dim) => product * dim, 1)
    const source: Iterator<number> = type.startsWith('float') ? floats : bits
    return storeTensor(
      name,
      type,
      dims,
      Array.from({ length: count }, () => source.next().value as number),
    )
  })

const nibbles: fc.Arbitrary<StoredTensor> = fc
  .array(fc.integer({ min: -8, max: 7 }), { maxLength: 7 })
  .map((values) => ({ name: 'n', type: 'int4', dims: [values.length], data: Int8Array.from(values) }))

const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  int64.map((value): Attribute => ({ kind: 'int', value })),
  float.map((value): Attribute => ({ kind: 'float', value })),
  fc.string().map((value): Attribute => ({ kind: 'string', value })),
  fc.array(int64).map((value): Attribute => ({ kind: 'ints', value })),
  fc.array(float).map((value): Attribute => ({ kind: 'floats', value })),
  fc.array(fc.string()).map((value): Attribute => ({ kind: 'strings', value })),
  fc.oneof(tensor, nibbles).map((value): Attribute => ({ kind: 'tensor', value })),
)

const attributes = fc
  .array(fc.tuple(fc.string({ maxLength: 4 }), attribute), { maxLength: 4 })
  .map((entries) => new Map(entries))

/** A chain of nodes with arbitrary attributes, initializers, metadata and a function that is called. */
const model: fc.Arbitrary<Model> = fc
  .record({
    steps: fc.array(fc.tuple(fc.constantFrom('Relu', 'Abs', 'Custom'), attributes), { minLength: 1, maxLength: 5 }),
    tensors: fc.array(tensor, { maxLength: 3 }),
    metadata: fc.dictionary(fc.string({ minLength: 1 }), fc.string()),
    irVersion: fc.integer({ min: 3, max: 13 }),
    opset: fc.integer({ min: 7, max: 25 }),
    dims: fc.array(fc.oneof(fc.nat(9), fc.constantFrom('N', 'H'), fc.constant(undefined)), { maxLength: 4 }),
    known: fc.boolean(),
  })
  .map(({ steps, tensors, metadata, irVersion, opset, dims, known }): Model => {
    const shape = known ? dims : undefined
    return {
      irVersion,
      opsets: new Map([
        ['', opset],
        ['my.domain', 1],
      ]),
      producerName: 'test',
      producerVersion: '1',
      metadata: new Map(Object.entries(metadata)),
      graph: {
        name: 'g',
        nodes: steps.map(([op, attributes], i) => ({
          name: `n${i}`,
          op,
          domain: op === 'Custom' ? 'my.domain' : '',
          inputs: [`v${i}`, ''],
          outputs: [`v${i + 1}`],
          attributes,
        })),
        inputs: [{ name: 'v0', type: 'float32', dims: shape }],
        outputs: [{ name: `v${steps.length}`, type: 'float32', dims: shape }],
        initializers: new Map(tensors.map((t, i) => [`t${i}`, { ...t, name: `t${i}` }])),
      },
      functions: [
        {
          domain: 'my.domain',
          name: 'Custom',
          overload: '',
          inputs: ['a', 'b'],
          outputs: ['y'],
          nodes: [
            {
              name: 'inner',
              op: 'LeakyRelu',
              domain: '',
              inputs: ['a'],
              outputs: ['y'],
              attributes: new Map<string, Attribute>([['alpha', { kind: 'reference', value: 'slope' }]]),
            },
          ],
          opsets: new Map([['', opset]]),
          attributes: new Map<string, Attribute | undefined>([
            ['other', undefined],
            ['slope', { kind: 'float', value: 0.5 }],
          ]),
        },
      ],
    }
  })

describe('write and read', () => {
  it('give the same model back, and the same bytes', () => {
    fc.assert(
      fc.property(model, (written) => {
        const bytes = encodeModel(written)
        const read = decodeModel(bytes)
        expect(read).toEqual(written)
        expect(encodeModel(read)).toEqual(bytes)
      }),
      { numRuns: 300, seed: 2 },
    )
  })

  it('give the same tensor file back', () => {
    fc.assert(
      fc.property(fc.oneof(tensor, nibbles), (written) => {
        expect(decodeTensorFile(encodeTensorFile(written))).toEqual(written)
      }),
      { numRuns: 300, seed: 3 },
    )
  })

  it('keep the ends of int64', () => {
    const b = new GraphBuilder()
    const x = b.input('x', [3])
    b.output(b.node('Slice', [x, b.indices([0]), b.indices([2 ** 63])]))
    const read = decodeModel(encodeModel(b.build()))
    expect([...read.graph.initializers.values()].map((stored) => stored.data)).toContainEqual(
      BigInt64Array.of(2n ** 63n - 1n),
    )
  })

  it.skipIf(!existsSync(zoo))('give the same model back for real files, which still run the same', async () => {
    const files = readdirSync(zoo).filter((file) => file.endsWith('.onnx'))
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const { model: first } = await readModel(join(zoo, file))
      const bytes = encodeModel(first)
      expect(decodeModel(bytes)).toEqual(first)
      const feed = {
        [first.graph.inputs[0]!.name]: { type: 'float32', dims: [1, 1, 28, 28], data: new Float64Array(784).fill(0.3) },
      } as const
      expect(await runOnnx(bytes, feed)).toEqual(await runOnnx(readFileSync(join(zoo, file)), feed))
    }
  })

  it('a written file replaces the old one, and nothing is left beside it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-write-'))
    try {
      const b = new GraphBuilder()
      b.output(b.node('Relu', [b.input('x', ['N', 2])]), ['N', 2])
      b.metadata('key', 'value')
      const path = join(folder, 'm.onnx')
      await writeModel(b.build(), path)
      await writeModel(b.build(), path)
      expect(readdirSync(folder)).toEqual(['m.onnx'])
      const loaded = await readModel(path)
      expect(loaded.model).toEqual(b.build())
      expect(loaded.sha256).toMatch(/^[0-9a-f]{64}$/)
      const error = await writeModel(b.build(), join(folder, 'missing', 'm.onnx')).catch((e) => e)
      expect(error.code).toBe('FILE_NOT_WRITABLE')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
