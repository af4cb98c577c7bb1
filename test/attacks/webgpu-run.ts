/**
 * A program of its own, because a Vulkan driver's variables must be there before the process starts: the same attacks on the CPU and on
 * WebGPU, results as JSON on stdout.
 * @module
 */
import { openVictim, runAttack } from '../../src/attacks/index.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const normal = (seed: number, count: number, scale: number) => {
  const random = randomStream(seed)
  return Float32Array.from({ length: count }, () => scale * random.normal())
}

/** conv - MaxMin - L2 pooling - dense, the operators of a Lipschitz network. */
function network() {
  const b = new GraphBuilder()
  const x = b.input('image', ['N', 1, 8, 8])
  const kernel = b.initializer('kernel', [4, 1, 3, 3], normal(1, 36, 0.4))
  const conv = b.node('Conv', [x, kernel], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })
  const [left, right] = b.nodes('Split', [conv], 2, { axis: 1, num_outputs: 2 })
  const sorted = b.node('Concat', [b.node('Max', [left!, right!]), b.node('Min', [left!, right!])], { axis: 1 })
  const mean = b.node('AveragePool', [b.node('Mul', [sorted, sorted])], { kernel_shape: [2, 2], strides: [2, 2] })
  const pooled = b.node('Sqrt', [b.node('Mul', [mean, b.constant([4], [])])])
  const weights = b.initializer('weights', [64, 4], normal(2, 256, 0.3))
  b.node('Gemm', [b.node('Flatten', [pooled]), weights], {}, { outputs: ['logits'] })
  b.output('logits', ['N', 4])
  return b.build()
}

const ATTACKS: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
  ['auto', { steps: 6, newtonSteps: 2, secondSteps: 6, polish: 2 }],
  ['fgm', { epsilon: 2 }],
  ['apgd-ce', { epsilon: 1, steps: 5 }],
  ['square', { epsilon: 1, queries: 10 }],
]

const model = network()
const bytes = encodeModel(model)
const results = []
for (const provider of ['cpu', 'webgpu'] as const) {
  const victim = await openVictim({ model, bytes }, { provider, threads: 1 })
  const samples = []
  for (let index = 0; index < 3; index++) {
    const random = randomStream(index)
    const image = Float32Array.from({ length: 64 }, () => random.uniform())
    const logits = await victim.logits(image)
    samples.push({ index, label: logits.indexOf(Math.max(...logits)), image })
  }
  const attacks = []
  for (const [name, parameters] of ATTACKS) {
    const { report } = await runAttack(name, victim, { samples, parameters, seed: 1 })
    attacks.push({ name, provider: report.provider, samples: report.samples })
  }
  results.push({ asked: provider, ran: victim.provider, reason: victim.reason, attacks })
  await victim.release()
}
console.log(JSON.stringify(results))
