/** Networks of known shapes with random weights, for benches that need no training. */
import { randomStream } from '../../src/linalg/random.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model } from '../../src/onnx/ir.ts'

/** Random weights of unit scale, layer by layer. */
class Network {
  readonly b = new GraphBuilder()
  readonly stream = randomStream(1)
  #weights = 0
  x: string

  constructor(channels: number, size: number) {
    this.x = this.b.input('input', ['N', channels, size, size])
  }
  #tensor(dims: readonly number[], scale: number): string {
    const size = dims.reduce((n, dim) => n * dim, 1)
    const data = Float32Array.from({ length: size }, () => scale * this.stream.normal())
    return this.b.initializer(`weights_${this.#weights++}`, dims, data)
  }
  conv(inputs: number, outputs: number, kernel = 3, stride = 1): this {
    const weights = this.#tensor([outputs, inputs, kernel, kernel], 1 / (kernel * Math.sqrt(inputs + outputs)))
    const pad = (kernel - 1) >> 1
    const bias = this.#tensor([outputs], 0.1)
    this.x = this.b.node('Conv', [this.x, weights, bias], { pads: [pad, pad, pad, pad], strides: [stride, stride] })
    return this
  }
  dense(inputs: number, outputs: number): this {
    const weights = this.#tensor([outputs, inputs], 1 / Math.sqrt(inputs + outputs))
    this.x = this.b.node('Gemm', [this.x, weights, this.#tensor([outputs], 0.1)], { transB: 1 })
    return this
  }
  node(op: string, attributes: Parameters<GraphBuilder['node']>[2] = {}): this {
    this.x = this.b.node(op, [this.x], attributes)
    return this
  }
  sort(): this {
    const [p, q] = this.b.nodes('Split', [this.x], 2, { axis: 1, num_outputs: 2 })
    this.x = this.b.node('Concat', [this.b.node('Max', [p!, q!]), this.b.node('Min', [p!, q!])], { axis: 1 })
    return this
  }
  l2Pool(): this {
    const square = this.b.node('Mul', [this.x, this.x])
    const mean = this.b.node('AveragePool', [square], { kernel_shape: [2, 2], strides: [2, 2] })
    this.x = this.b.node('Sqrt', [this.b.node('Mul', [mean, this.b.constant([4])])])
    return this
  }
  /** Two convolutions and a shortcut. */
  block(inputs: number, outputs: number, stride: number): this {
    const start = this.x
    this.conv(inputs, outputs, 3, stride).node('Relu').conv(outputs, outputs)
    const branch = this.x
    this.x = start
    if (stride > 1) this.conv(inputs, outputs, 1, stride)
    this.x = this.b.node('Add', [branch, this.x])
    return this.node('Relu')
  }
  build(): Model {
    this.b.output(this.x)
    return this.b.build()
  }
}

export const NETWORKS: Readonly<Record<string, () => Model>> = {
  demo: () =>
    new Network(1, 28)
      .conv(1, 16)
      .sort()
      .l2Pool()
      .conv(16, 32)
      .sort()
      .l2Pool()
      .node('Flatten')
      .dense(1568, 64)
      .sort()
      .dense(64, 10)
      .build(),
  deep: () =>
    new Network(1, 28)
      .conv(1, 64)
      .sort()
      .conv(64, 64)
      .sort()
      .l2Pool()
      .conv(64, 128)
      .sort()
      .conv(128, 128)
      .sort()
      .l2Pool()
      .conv(128, 256)
      .sort()
      .conv(256, 256)
      .sort()
      .node('GlobalAveragePool')
      .node('Flatten')
      .dense(256, 256)
      .sort()
      .dense(256, 10)
      .build(),
  resnet: () => {
    const network = new Network(3, 224).conv(3, 64, 7, 2).node('Relu')
    network.node('MaxPool', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })
    for (const [inputs, outputs, stride] of [
      [64, 64, 1],
      [64, 64, 1],
      [64, 128, 2],
      [128, 128, 1],
      [128, 256, 2],
      [256, 256, 1],
      [256, 512, 2],
      [512, 512, 1],
    ] as const)
      network.block(inputs, outputs, stride)
    return network.node('GlobalAveragePool').node('Flatten').dense(512, 1000).build()
  },
}
