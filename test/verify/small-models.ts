import { CLAIM_KEY } from '../../src/gate/claims.ts'
import { randomStream } from '../../src/linalg/random.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'

/** Rows scaled to be orthonormal (Gram-Schmidt), so that the layer's norm is one up to float32 rounding. */
function orthonormal(rows: number, columns: number, seed: number): Float32Array {
  const stream = randomStream(seed)
  const made: number[][] = []
  for (let r = 0; r < rows; r++) {
    let row = Array.from({ length: columns }, () => stream.normal())
    for (const other of made) {
      const dot = row.reduce((sum, v, k) => sum + v * other[k]!, 0)
      row = row.map((v, k) => v - dot * other[k]!)
    }
    const length = Math.hypot(...row)
    made.push(row.map((v) => v / length))
  }
  return Float32Array.from(made.flat())
}

export interface SmallModelOptions {
  /** Factor on the convolution. */
  readonly scale?: number
  /** Written into the metadata as claims of 1. */
  readonly claims?: boolean
  readonly custom?: boolean
  readonly softmax?: boolean
  readonly batch?: number | string
  /** Bias of the first layer, taken back by the last. */
  readonly bias?: number
}

/**
 * Conv 1x1x2x2 stride 2 (4 channels, orthonormal) - MaxMin - Flatten - Gemm with orthonormal rows: 1-Lipschitz by a hair,
 * on 28x28 images with ten classes. The weights aim a little below one.
 */
export function smallModel(options: SmallModelOptions = {}): Model {
  const { scale = 1, claims = false, custom = false, softmax = false, batch = 'N', bias = 0 } = options
  const below = 1 - 2 ** -20
  const b = new GraphBuilder({ producerName: 'test' })
  const x = b.input('x', [batch, 1, 28, 28])
  const kernel = orthonormal(4, 4, 1).map((v) => v * below * scale)
  const conv = b.node(
    'Conv',
    [
      x,
      b.initializer('kernel', [4, 1, 2, 2], kernel),
      b.initializer('kernel_bias', [4], new Float32Array(4).fill(bias)),
    ],
    { strides: [2, 2] },
    { name: 'conv1' },
  )
  const [low, high] = b.nodes('Split', [conv], 2, { axis: 1, num_outputs: 2 })
  const sorted = b.node('Concat', [b.node('Max', [low!, high!]), b.node('Min', [low!, high!])], { axis: 1 })
  const flat = b.node('Flatten', [
    custom ? b.node('Mystery', [sorted], {}, { name: 'odd', domain: 'example' }) : sorted,
  ])
  if (custom) b.opset('example', 1)
  const weights = orthonormal(10, 784, 2).map((v) => v * below)
  const taken = Float32Array.from(
    { length: 10 },
    (_, k) => -bias * weights.subarray(k * 784, (k + 1) * 784).reduce((s, v) => s + v, 0),
  )
  const logits = b.node(
    'Gemm',
    [flat, b.initializer('weights', [10, 784], weights), b.initializer('bias', [10], taken)],
    { transB: 1 },
    { name: 'head', outputs: ['logits'] },
  )
  b.output(softmax ? b.node('Softmax', [logits], { axis: 1 }) : logits, [batch, 10])
  if (claims)
    b.metadata(CLAIM_KEY, JSON.stringify({ network: { of: 'logit', upper: 1 }, layers: { conv1: 1, head: 1 } }))
  return b.build()
}
