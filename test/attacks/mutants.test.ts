import { describe, expect, it } from 'vitest'
import { type AttackInput, openVictim, runAttack, type SampleCertificate } from '../../src/attacks/index.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { analyse, certify } from '../../src/lipschitz/index.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'

interface Mutation {
  /** Factor of the whole convolution kernel. */
  readonly kernel?: number
  /** Factor of one single weight of the dense layer. */
  readonly weight?: number
  /** What the mean of the squares is multiplied by under the root: the pixels of a window, 4. */
  readonly pixels?: number
}

const CHANNELS = 4
const FEATURES = 16
const CLASSES = 4

/** A signed permutation: orthogonal, and each of its weights alone decides the norm. */
function signedPermutation(n: number, seed: number): Float32Array {
  const random = randomStream(seed)
  const order = Array.from({ length: n }, (_, i) => [random.uniform(), i] as const)
    .sort(([a], [b]) => a - b)
    .map(([, i]) => i)
  const matrix = new Float32Array(n * n)
  for (const [row, column] of order.entries()) matrix[row * n + column] = random.uniform() < 0.5 ? -1 : 1
  return matrix
}

/** conv 1x1 - MaxMin - L2 pooling - dense - head of coordinates: every gradient of a pair has the norm that is certified. */
function network({ kernel = 1, weight = 1, pixels = 4 }: Mutation = {}): Model {
  const b = new GraphBuilder()
  const x = b.input('x', ['N', CHANNELS, 4, 4])
  // A rotation by blocks: orthogonal and exact enough in float32.
  const [cos, sin] = [0.6 * kernel, 0.8 * kernel]
  const rotation = [cos, -sin, 0, 0, sin, cos, 0, 0, 0, 0, cos, -sin, 0, 0, sin, cos]
  const conv = b.node('Conv', [x, b.initializer('kernel', [CHANNELS, CHANNELS, 1, 1], rotation)])
  const [left, right] = b.nodes('Split', [conv], 2, { axis: 1, num_outputs: 2 })
  const sorted = b.node('Concat', [b.node('Max', [left!, right!]), b.node('Min', [left!, right!])], { axis: 1 })
  const mean = b.node('AveragePool', [b.node('Mul', [sorted, sorted])], { kernel_shape: [2, 2], strides: [2, 2] })
  const flat = b.node('Flatten', [b.node('Sqrt', [b.node('Mul', [mean, b.constant([pixels], [])])])])
  const dense = signedPermutation(FEATURES, 1)
  // The one weight that feeds class 0; it is positive, so that class 0 wins often and is a rival as often.
  for (let column = 0; column < FEATURES; column++) dense[column]! *= weight
  const hidden = b.node('Gemm', [flat, b.initializer('dense', [FEATURES, FEATURES], dense)], { transB: 1 })
  const head = new Float32Array(CLASSES * FEATURES)
  for (let k = 0; k < CLASSES; k++) head[k * FEATURES + k] = 1
  b.node('Gemm', [hidden, b.initializer('head', [CLASSES, FEATURES], head)], { transB: 1 }, { outputs: ['logits'] })
  b.output('logits', ['N', CLASSES])
  return b.build()
}

/** Attacks the mutant under certificates that divide its margins by what is proved of the intact network. */
async function examine(mutant: Model, factor = 1) {
  const victim = await openVictim(
    { model: mutant, bytes: encodeModel(mutant) },
    { provider: 'cpu', threads: 1, box: { low: -10, high: 10 } },
  )
  const intact = await analyse(prepare(network(), { batch: 1 }))
  const samples: AttackInput[] = []
  const certificates = new Map<number, SampleCertificate>()
  for (let index = 0; index < 12; index++) {
    const random = randomStream(9, index)
    const image = Float32Array.from({ length: CHANNELS * 16 }, () => random.normal())
    const logits = await victim.logits(image)
    const label = logits.indexOf(Math.max(...logits))
    const { radius } = certify(intact, { index, label, logits, inputNorm: vectorNormUpper(image) })
    samples.push({ index, label, image })
    certificates.set(index, { radius: factor * radius })
  }
  const { report } = await runAttack('auto', victim, { samples, certificates })
  await victim.release()
  return { report, confirmed: report.samples.filter(({ status }) => status === 'confirmed-violation').length }
}

describe('mutants of an ONNX network whose certificates are tight, within the default budget', () => {
  it('the intact network keeps its certificates, and some are attained', async () => {
    const { report, confirmed } = await examine(network())
    expect(confirmed).toBe(0)
    expect(report.minRatio!).toBeGreaterThan(1)
    expect(report.minRatio!).toBeLessThan(1.001)
    expect(report.samples.every(({ status }) => status === 'open' || status === 'tight')).toBe(true)
  })

  it('certificates 1.05 times too large', async () => {
    expect((await examine(network(), 1.05)).confirmed).toBeGreaterThan(2)
  })

  it('a convolution 1.05 times too large', async () => {
    expect((await examine(network({ kernel: 1.05 }))).confirmed).toBeGreaterThan(2)
  })

  it('one single weight 1.05 times too large', async () => {
    expect((await examine(network({ weight: 1.05 }))).confirmed).toBeGreaterThan(0)
  })

  it('pooling with the factor of another window', async () => {
    expect((await examine(network({ pixels: 9 }))).confirmed).toBeGreaterThan(2)
    expect((await examine(network({ pixels: 4.5 }))).confirmed).toBeGreaterThan(2)
  })
})
