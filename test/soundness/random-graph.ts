/**
 * Random ONNX graphs for the attack on the proof: every room that has a bound, with odd but valid attributes, several
 * branches, shared tensors, constants that the graph computes, degenerate sizes. A recipe that cannot be applied is skipped.
 * @module
 */
import { type RandomStream, randomStream } from '../../src/linalg/random.ts'
import { type BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import type { Model, Shape } from '../../src/onnx/ir.ts'

interface Tensor {
  readonly name: string
  readonly dims: Shape
}

export interface RandomGraph {
  readonly model: Model
  readonly input: Shape
  readonly trail: readonly string[]
}

const sizeOf = (dims: Shape): number => dims.reduce((n, d) => n * d, 1)
const LARGEST = 160

class Chef {
  readonly b: GraphBuilder
  readonly r: RandomStream
  readonly opset: number
  readonly trail: string[] = []
  pantry: Tensor[] = []
  #names = 0

  constructor(r: RandomStream) {
    this.r = r
    this.opset = [7, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 21, 22, 23][r.integer(14)]!
    this.b = new GraphBuilder({ opset: this.opset })
  }
  pick<T>(list: readonly T[]): T {
    return list[this.r.integer(list.length)]!
  }
  coin(p = 0.5): boolean {
    return this.r.uniform() < p
  }
  /** Random numbers of one of several kinds. */
  numbers(count: number, spread = 1): Float32Array {
    const kind = this.r.integer(6)
    return Float32Array.from({ length: count }, () => {
      if (kind === 0) return this.pick([0, 1, -1, 0.5, 2])
      if (kind === 1) return this.coin(0.5) ? 0 : spread * this.r.normal()
      if (kind === 2) return spread * Math.abs(this.r.normal())
      return spread * this.r.normal()
    })
  }
  positive(count: number): Float32Array {
    return this.numbers(count).map((v) => Math.abs(v) + 0.05)
  }
  /** A constant of the file, now and then one that the graph computes. */
  constant(dims: Shape, data: ArrayLike<number>): string {
    const b = this.b
    const name = b.initializer(`c${this.#names++}`, dims, data)
    switch (this.r.integer(12)) {
      case 0:
        return b.node('Mul', [name, b.constant([1.1])])
      case 1:
        return b.node('Div', [name, b.constant([3])])
      case 2:
        return b.node('Identity', [name])
      case 3:
        return b.node('Sub', [
          name,
          b.initializer(
            `c${this.#names++}`,
            dims,
            Float32Array.from(data, (v) => v * 0.99),
          ),
        ])
      case 4:
        return b.node('Reshape', [name, b.indices([...dims])])
      default:
        return name
    }
  }
  unary(op: string, x: Tensor, attributes: Readonly<Record<string, BuilderAttribute>> = {}): Tensor {
    return { name: this.b.node(op, [x.name], attributes), dims: x.dims }
  }
  ints(...v: number[]): string {
    return this.b.indices(v)
  }
  axis(x: Tensor, from = 0): number {
    return from + this.r.integer(Math.max(1, x.dims.length - from))
  }
  reshape(x: Tensor, dims: Shape): Tensor {
    // The batch stays open: the first dim is what is left.
    return { name: this.b.node('Reshape', [x.name, this.b.indices([-1, ...dims.slice(1)])]), dims }
  }
}

type Recipe = (c: Chef, x: Tensor) => Tensor | undefined

function windowOut(n: number, k: number, s: number, d: number, p: number, q: number, ceil: boolean): number {
  const span = n + p + q - ((k - 1) * d + 1)
  let out = (ceil ? Math.ceil(span / s) : Math.floor(span / s)) + 1
  // A last window that would start in the end padding is left out.
  if (ceil && (out - 1) * s >= n + p) out--
  return out
}

interface Window {
  readonly attributes: Record<string, BuilderAttribute>
  readonly spatial: readonly number[]
  readonly kernel: readonly number[]
}

/** Random window attributes for 1 or 2 spatial axes. */
function windows(
  c: Chef,
  x: Tensor,
  options: { ceil?: boolean; dilate?: boolean; padLimit?: boolean },
): Window | undefined {
  const spatial = x.dims.slice(2)
  if (spatial.length < 1 || spatial.length > 2) return undefined
  const kernel = spatial.map(() => 1 + c.r.integer(3))
  const strides = spatial.map(() => 1 + c.r.integer(3))
  const dilations = spatial.map(() => (options.dilate && c.coin(0.3) ? 2 : 1))
  const auto = c.coin(0.25) ? c.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']) : undefined
  const ceil = options.ceil === true && !auto && c.coin(0.4)
  const attributes: Record<string, BuilderAttribute> = { kernel_shape: kernel }
  if (c.coin(0.8) || strides.some((s) => s > 1)) attributes.strides = strides
  if (dilations.some((d) => d > 1)) attributes.dilations = dilations
  if (ceil) attributes.ceil_mode = 1
  let out: number[]
  if (auto) {
    attributes.auto_pad = auto
    out = spatial.map((n, i) =>
      auto === 'VALID'
        ? Math.floor((n - ((kernel[i]! - 1) * dilations[i]! + 1)) / strides[i]!) + 1
        : Math.ceil(n / strides[i]!),
    )
  } else {
    const pads = [...spatial, ...spatial].map((_, i) => (c.coin(0.5) ? 0 : c.r.integer(kernel[i % spatial.length]!)))
    attributes.pads = pads
    out = spatial.map((n, i) =>
      windowOut(n, kernel[i]!, strides[i]!, dilations[i]!, pads[i]!, pads[i + spatial.length]!, ceil),
    )
  }
  return out.every((n) => n > 0) ? { attributes, spatial: out, kernel } : undefined
}

const conv: Recipe = (c, x) => {
  if (x.dims.length < 3) return undefined
  const w = windows(c, x, { dilate: true })
  if (!w) return undefined
  const inputs = x.dims[1]!
  const groups = c.pick([1, 1, 1, 2, inputs].filter((g) => g > 0 && inputs % g === 0))
  const out = groups * (1 + c.r.integer(3))
  const dims = [out, inputs / groups, ...w.kernel]
  const bias = c.coin(0.3) ? [c.constant([out], c.numbers(out))] : []
  const weights = c.constant(dims, c.numbers(sizeOf(dims), 0.5))
  return {
    name: c.b.node('Conv', [x.name, weights, ...bias], { ...w.attributes, group: groups }),
    dims: [x.dims[0]!, out, ...w.spatial],
  }
}

const convTranspose: Recipe = (c, x) => {
  const spatial = x.dims.slice(2)
  if (spatial.length < 1 || spatial.length > 2) return undefined
  const kernel = spatial.map(() => 1 + c.r.integer(3))
  const strides = spatial.map(() => 1 + c.r.integer(2))
  const dilations = spatial.map(() => (c.coin(0.2) ? 2 : 1))
  const pads = [...spatial, ...spatial].map((_, i) => c.r.integer(kernel[i % spatial.length]!))
  const extra = strides.map((s) => (c.coin(0.3) ? s - 1 : 0))
  const out = spatial.map(
    (n, i) =>
      (n - 1) * strides[i]! + extra[i]! + (kernel[i]! - 1) * dilations[i]! + 1 - pads[i]! - pads[i + spatial.length]!,
  )
  if (!out.every((n) => n > 0)) return undefined
  const inputs = x.dims[1]!
  const groups = c.pick([1, 1, inputs].filter((g) => g > 0 && inputs % g === 0))
  const wide = 1 + c.r.integer(2)
  const dims = [inputs, wide, ...kernel]
  return {
    name: c.b.node('ConvTranspose', [x.name, c.constant(dims, c.numbers(sizeOf(dims), 0.5))], {
      strides,
      dilations,
      pads,
      output_padding: extra,
      group: groups,
      kernel_shape: kernel,
    }),
    dims: [x.dims[0]!, wide * groups, ...out],
  }
}

const gemm: Recipe = (c, x) => {
  const flat = x.dims.length === 2 ? x : c.reshape(x, [1, sizeOf(x.dims)])
  const [rows, n] = flat.dims as [number, number]
  const out = 1 + c.r.integer(5)
  if (n === 0) return undefined
  const transB = c.coin() ? 1 : 0
  const w = c.constant(transB ? [out, n] : [n, out], c.numbers(n * out, 0.6))
  const bias = c.coin(0.6) || c.opset < 11 ? [c.constant([out], c.numbers(out))] : []
  const attributes: Record<string, BuilderAttribute> = { transB }
  if (c.coin(0.3)) attributes.alpha = { float: c.r.normal() }
  if (c.coin(0.2)) attributes.beta = { float: c.r.normal() }
  return { name: c.b.node('Gemm', [flat.name, w, ...bias], attributes), dims: [rows, out] }
}

const matmul: Recipe = (c, x) => {
  const n = x.dims.at(-1)!
  if (x.dims.length < 2 || n === 0) return undefined
  const out = 1 + c.r.integer(4)
  if (c.coin(0.7)) {
    const stacked = x.dims.length === 4 && c.coin(0.3) ? [x.dims[1]!] : []
    const dims = [...stacked, n, out]
    return {
      name: c.b.node('MatMul', [x.name, c.constant(dims, c.numbers(sizeOf(dims), 0.6))]),
      dims: [...x.dims.slice(0, -1), out],
    }
  }
  const m = x.dims.at(-2)!
  return {
    name: c.b.node('MatMul', [c.constant([out, m], c.numbers(m * out, 0.6)), x.name]),
    dims: [...x.dims.slice(0, -2), out, n],
  }
}

const broadcastDims = (c: Chef, x: Tensor): number[] => {
  const start = c.r.integer(x.dims.length + 1)
  return x.dims.slice(start).map((d) => (c.coin(0.5) ? 1 : d))
}

const scale: Recipe = (c, x) => {
  const dims = broadcastDims(c, x)
  const op = c.pick(['Mul', 'Add', 'Sub', 'Div', 'Max', 'Min', 'Mul'])
  const data = op === 'Div' ? c.positive(sizeOf(dims)) : c.numbers(sizeOf(dims))
  if ((op === 'Max' || op === 'Min') && c.opset < 8) return undefined
  const constant = c.constant(dims, data)
  const order = op !== 'Div' && c.coin(0.4) ? [constant, x.name] : [x.name, constant]
  return { name: c.b.node(op, order), dims: x.dims }
}

/** Two dynamic operands, the other one of a shape that broadcasts (on either side). */
const join: Recipe = (c, x) => {
  const op = c.pick(['Add', 'Sub', 'Max', 'Min', 'Add', 'Max', 'Min', 'Sum', 'Mean'])
  const fits = c.pantry.filter(
    (t) =>
      t.dims.length <= x.dims.length &&
      t.dims.every((d, k) => d === 1 || d === x.dims[x.dims.length - t.dims.length + k]),
  )
  if (fits.length === 0) return undefined
  const other = c.pick(fits)
  if (['Max', 'Min', 'Sum', 'Mean'].includes(op) && c.opset < 8 && other.dims.join() !== x.dims.join()) return undefined
  const more = ['Max', 'Min', 'Sum', 'Mean'].includes(op) && c.coin(0.3) ? [c.pick(fits).name] : []
  if (more.length > 0 && c.opset < 8) return undefined
  const names = c.coin() ? [x.name, other.name, ...more] : [other.name, x.name, ...more]
  return { name: c.b.node(op, names), dims: x.dims }
}

const concat: Recipe = (c, x) => {
  const axis = c.axis(x, 1)
  const fits = c.pantry.filter(
    (t) => t.dims.length === x.dims.length && t.dims.every((d, k) => k === axis || d === x.dims[k]),
  )
  if (fits.length === 0) return undefined
  const parts = Array.from({ length: 1 + c.r.integer(2) }, () => c.pick(fits))
  const all = c.coin() ? [x, ...parts] : [...parts, x]
  const total = all.reduce((n, t) => n + t.dims[axis]!, 0)
  return {
    name: c.b.node(
      'Concat',
      all.map((t) => t.name),
      { axis: c.coin(0.3) && c.opset >= 11 ? axis - x.dims.length : axis },
    ),
    dims: x.dims.with(axis, total),
  }
}

const split: Recipe = (c, x) => {
  const axis = c.axis(x, 1)
  const n = x.dims[axis]!
  if (n < 2) return undefined
  const first = 1 + c.r.integer(n - 1)
  const sizes = [first, n - first]
  const made =
    c.opset >= 13
      ? c.b.nodes('Split', [x.name, c.ints(...sizes)], 2, { axis })
      : c.b.nodes('Split', [x.name], 2, { axis, split: sizes })
  const tensors = made.map((name, k) => ({ name, dims: x.dims.with(axis, sizes[k]!) }))
  c.pantry.push(...tensors)
  return c.pick(tensors)
}

const slice: Recipe = (c, x) => {
  if (c.opset < 10) return undefined
  const axis = c.axis(x, 1)
  const n = x.dims[axis]!
  const step = c.pick([1, 2, -1, -2, 3])
  const [start, end] = step > 0 ? [c.r.integer(2), c.pick([n, 2 ** 31 - 1, -1, n - 1])] : [-1, c.pick([-(2 ** 31), 0])]
  const from = start < 0 ? start + n : start
  const to = end >= 2 ** 31 - 1 ? n : end <= -(2 ** 31) ? -1 : end < 0 ? end + n : Math.min(end, n)
  const count = Math.max(0, Math.ceil((to - from) / step))
  if (count === 0 && c.coin(0.9)) return undefined
  return {
    name: c.b.node('Slice', [x.name, c.ints(start), c.ints(end), c.ints(axis), c.ints(step)]),
    dims: x.dims.with(axis, count),
  }
}

const gather: Recipe = (c, x) => {
  const axis = c.axis(x, 1)
  const n = x.dims[axis]!
  if (n === 0) return undefined
  const indices = Array.from(
    { length: 1 + c.r.integer(4) },
    () => c.r.integer(n) - (c.opset >= 11 && c.coin(0.3) ? n : 0),
  )
  return { name: c.b.node('Gather', [x.name, c.ints(...indices)], { axis }), dims: x.dims.with(axis, indices.length) }
}

const transpose: Recipe = (c, x) => {
  const rest = x.dims.map((_, k) => k).slice(1)
  for (let k = rest.length - 1; k > 0; k--) {
    const j = c.r.integer(k + 1)
    ;[rest[k], rest[j]] = [rest[j]!, rest[k]!]
  }
  const perm = [0, ...rest]
  return { name: c.b.node('Transpose', [x.name], { perm }), dims: perm.map((p) => x.dims[p]!) }
}

const reshape: Recipe = (c, x) => {
  const total = sizeOf(x.dims)
  if (total === 0) return undefined
  const rank = 2 + c.r.integer(3)
  const dims = [c.coin(0.15) && total % 2 === 0 ? 2 : 1]
  let left = total / dims[0]!
  for (let k = 1; k < rank - 1; k++) {
    const divisors = Array.from({ length: left }, (_, i) => i + 1).filter((d) => left % d === 0)
    const d = c.pick(divisors)
    dims.push(d)
    left /= d
  }
  dims.push(left)
  return c.reshape(x, dims)
}

const pad: Recipe = (c, x) => {
  if (c.opset < 11) return undefined
  const mode = c.pick(['constant', 'constant', 'constant', 'reflect', 'edge', ...(c.opset >= 19 ? ['wrap'] : [])])
  const amount = (d: number): number => {
    if (c.coin(0.5)) return 0
    if (mode === 'constant') return c.pick([1, 2, 1, -1])
    return mode === 'reflect' ? Math.min(1, Math.max(0, d - 1)) : Math.min(1, d)
  }
  const begins = x.dims.map((d, k) => (k === 0 || (k === 1 && c.coin(0.7)) ? 0 : amount(d)))
  const ends = x.dims.map((d, k) => (k === 0 || (k === 1 && c.coin(0.7)) ? 0 : amount(d)))
  const dims = x.dims.map((d, k) => d + begins[k]! + ends[k]!)
  if (!dims.every((d) => d > 0)) return undefined
  const fill = mode === 'constant' && c.coin(0.3) ? [c.b.constant([c.r.normal()], [])] : []
  return { name: c.b.node('Pad', [x.name, c.ints(...begins, ...ends), ...fill], { mode }), dims }
}

const pool: Recipe = (c, x) => {
  const op = c.pick(['MaxPool', 'AveragePool', 'LpPool', 'AveragePool'])
  const ceil = op === 'LpPool' ? c.opset >= 18 : c.opset >= 10
  const dilate = op === 'MaxPool' ? c.opset >= 10 : op === 'LpPool' ? c.opset >= 18 : c.opset >= 19
  const w = windows(c, x, { ceil, dilate })
  if (!w) return undefined
  const attributes = { ...w.attributes }
  if (op === 'LpPool') attributes.p = c.pick([1, 2, 2, 3])
  if (op === 'AveragePool' && c.coin()) attributes.count_include_pad = 1
  return { name: c.b.node(op, [x.name], attributes), dims: [...x.dims.slice(0, 2), ...w.spatial] }
}

const globalPool: Recipe = (c, x) => {
  if (x.dims.length < 3 || sizeOf(x.dims) === 0) return undefined
  const op = c.pick(['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'])
  return { name: c.b.node(op, [x.name]), dims: [...x.dims.slice(0, 2), ...x.dims.slice(2).map(() => 1)] }
}

const reduce: Recipe = (c, x) => {
  const op = c.pick(['ReduceMax', 'ReduceMin', 'ReduceMean', 'ReduceSum', 'ReduceL1', 'ReduceL2', 'ReduceLogSumExp'])
  const axes = x.dims.map((_, k) => k).filter((k) => k > 0 && c.coin(0.5))
  if (axes.length === 0 || axes.some((k) => x.dims[k] === 0)) return undefined
  const keepdims = x.dims.length - axes.length < 2 ? 1 : c.r.integer(2)
  const asInput = op === 'ReduceSum' ? c.opset >= 13 : c.opset >= 18
  const name = asInput
    ? c.b.node(op, [x.name, c.ints(...axes)], { keepdims })
    : c.b.node(op, [x.name], { axes, keepdims })
  const dims = keepdims ? x.dims.map((d, k) => (axes.includes(k) ? 1 : d)) : x.dims.filter((_, k) => !axes.includes(k))
  return { name, dims }
}

const activation: Recipe = (c, x) => {
  const list: [string, number, Record<string, BuilderAttribute>?][] = [
    ['Relu', 7],
    ['Abs', 7],
    ['Neg', 7],
    ['LeakyRelu', 7, { alpha: { float: c.pick([0.1, -0.5, 2, -1]) } }],
    ['Elu', 7, { alpha: { float: c.pick([1, 0.5, 2, -1]) } }],
    ['Selu', 7],
    ['Celu', 12, { alpha: { float: c.pick([1, 0.5, 2, -1]) } }],
    ['Sigmoid', 7],
    ['Tanh', 7],
    ['Softplus', 7],
    ['Softsign', 7],
    ['HardSigmoid', 7, { alpha: { float: c.pick([0.2, -0.5, 1]) }, beta: { float: c.pick([0.5, -2, 3]) } }],
    ['HardSwish', 14],
    ['Mish', 18],
    ['Erf', 9],
    ['Gelu', 20],
    ['Gelu', 20, { approximate: 'tanh' }],
    ['Sin', 7],
    ['Cos', 7],
    ['Atan', 7],
    ['Identity', 7],
    ['Dropout', 7],
    ['Shrink', 9, { bias: { float: 0.5 }, lambd: { float: 0.5 } }],
    ['ThresholdedRelu', 10, { alpha: { float: c.pick([0, 0.5]) } }],
    ['Softmax', 7, { axis: c.axis(x, 1) }],
    ['LogSoftmax', 7, { axis: c.axis(x, 1) }],
    ['Swish', 24],
    ['Round', 11],
    ['Sign', 9],
  ]
  const [op, since, attributes] = c.pick(list)
  return c.opset >= since ? c.unary(op, x, attributes) : undefined
}

const clip: Recipe = (c, x) => {
  const [low, high] = [c.r.normal(), c.r.normal() + (c.coin(0.8) ? 1 : -1)]
  if (c.opset < 11) return c.unary('Clip', x, { min: { float: low }, max: { float: high } })
  const limit = (v: number): string => (c.coin(0.2) ? '' : c.constant([], [v]))
  return { name: c.b.node('Clip', [x.name, limit(low), limit(high)]), dims: x.dims }
}

const prelu: Recipe = (c, x) => {
  const dims = x.dims.slice(1).map((d, k) => (k === 0 ? d : 1))
  return { name: c.b.node('PRelu', [x.name, c.constant(dims, c.numbers(sizeOf(dims), 1.5))]), dims: x.dims }
}

const batchNorm: Recipe = (c, x) => {
  if (x.dims.length < 2 || c.opset < 9) return undefined
  const n = x.dims[1]!
  const vectors = [c.numbers(n), c.numbers(n), c.numbers(n), c.positive(n)]
  return {
    name: c.b.node('BatchNormalization', [x.name, ...vectors.map((v) => c.constant([n], v))], {
      epsilon: { float: c.pick([1e-5, 1e-2]) },
    }),
    dims: x.dims,
  }
}

const norm: Recipe = (c, x) => {
  const n = x.dims[1] ?? 0
  if (n === 0) return undefined
  switch (c.r.integer(5)) {
    case 0: {
      if (c.opset < 17) return undefined
      const tail = x.dims.slice(-1)
      return {
        name: c.b.node('LayerNormalization', [x.name, c.constant(tail, c.numbers(sizeOf(tail)))], {
          epsilon: { float: c.pick([0.1, 1e-3]) },
        }),
        dims: x.dims,
      }
    }
    case 1:
      if (x.dims.length < 3) return undefined
      return {
        name: c.b.node(
          'InstanceNormalization',
          [x.name, c.constant([n], c.numbers(n)), c.constant([n], c.numbers(n))],
          { epsilon: { float: c.pick([0.1, 1e-3]) } },
        ),
        dims: x.dims,
      }
    case 2:
      return c.unary('LpNormalization', x, { axis: c.axis(x, 1), p: c.pick([1, 2]) })
    case 3:
      return x.dims.length === 4 ? c.unary('LRN', x, { size: c.pick([1, 3]), alpha: { float: 0.1 } }) : undefined
    default: {
      if (c.opset < 23) return undefined
      const tail = x.dims.slice(-1)
      return {
        name: c.b.node('RMSNormalization', [x.name, c.constant(tail, c.numbers(sizeOf(tail)))], {
          epsilon: { float: 0.1 },
        }),
        dims: x.dims,
      }
    }
  }
}

const square = (c: Chef, x: string): string =>
  c.coin() ? c.b.node('Mul', [x, x]) : c.b.node('Pow', [x, c.b.constant([2])])

/** L2 pooling in several spellings, right and wrong. */
const l2: Recipe = (c, x) => {
  const w = windows(c, x, {})
  if (!w) return undefined
  const squares = c.b.node('AveragePool', [square(c, x.name)], {
    ...w.attributes,
    ...(c.coin() ? { count_include_pad: 1 } : {}),
  })
  const scaled = c.coin(0.7) ? c.b.node('Mul', [squares, c.b.constant([c.pick([4, 9, 2, 0.1])])]) : squares
  const safe = c.pick([
    () => scaled,
    () => c.b.node('Add', [scaled, c.b.constant([1e-3])]),
    () => c.b.node('Max', [scaled, c.b.constant([1e-3], [1])]),
    () => c.b.node('Relu', [scaled]),
    () => c.b.node('Add', [scaled, c.b.constant([-1e-3])]),
  ])()
  const root = c.coin(0.7) ? c.b.node('Sqrt', [safe]) : c.b.node('Pow', [safe, c.b.constant([0.5])])
  return { name: root, dims: [...x.dims.slice(0, 2), ...w.spatial] }
}

/** sqrt(x^2 + y^2), |x|, sign(x) |x|, sign(x) x^2 ... of two shared tensors. */
const algebra: Recipe = (c, x) => {
  const b = c.b
  const same = c.pantry.filter((t) => t.dims.join() === x.dims.join())
  const y = same.length > 0 ? c.pick(same) : x
  const name = c.pick([
    () => b.node('Sqrt', [b.node('Add', [square(c, x.name), square(c, y.name)])]),
    () => b.node('Sqrt', [b.node('Sub', [square(c, x.name), square(c, y.name)])]),
    () => b.node('Sqrt', [square(c, x.name)]),
    () => b.node('Mul', [b.node('Sign', [x.name]), x.name]),
    () => b.node('Mul', [b.node('Sign', [x.name]), b.node('Abs', [x.name])]),
    () => b.node('Mul', [b.node('Sign', [x.name]), square(c, x.name)]),
    () => b.node('Mul', [b.node('Sign', [x.name]), y.name]),
    () => b.node('Mul', [x.name, y.name]),
    () => b.node('Sqrt', [b.node('Mul', [b.node('Relu', [x.name]), b.node('Relu', [x.name])])]),
    () => b.node('Sqrt', [b.node('Abs', [b.node('Mul', [x.name, x.name])])]),
    () => b.node('Add', [y.name, b.node('Relu', [b.node('Sub', [x.name, y.name])])]),
    () => b.node('Sub', [x.name, b.node('Relu', [b.node('Sub', [x.name, y.name])])]),
    () => b.node('Sub', [y.name, b.node('Relu', [b.node('Sub', [x.name, y.name])])]),
    () => b.node('Sub', [b.node('Add', [x.name, y.name]), b.node('Max', [x.name, y.name])]),
    () => b.node('Abs', [b.node('Sub', [x.name, y.name])]),
    () => b.node('Neg', [b.node('Max', [b.node('Neg', [x.name]), b.node('Neg', [y.name])])]),
    () =>
      b.node('Mul', [
        b.node('Add', [b.node('Add', [x.name, y.name]), b.node('Abs', [b.node('Sub', [x.name, y.name])])]),
        b.constant([c.pick([0.5, 0.5, -0.5, 0.6])]),
      ]),
    () => b.node('Sqrt', [b.node('Sum', [square(c, x.name), square(c, y.name), square(c, x.name)])]),
    () => b.node('Mul', [x.name, b.node('Sigmoid', [x.name])]),
    () => b.node('Div', [x.name, b.node('Abs', [x.name])]),
    () => b.node('Max', [x.name, b.node('Neg', [x.name])]),
  ])()
  return { name, dims: x.dims }
}

/** GroupSort in several spellings, and near misses. */
const groupSort: Recipe = (c, x) => {
  const b = c.b
  const n = x.dims[1] ?? 0
  if (n < 2 || n % 2 !== 0) return undefined
  const half = n / 2
  const parts =
    c.opset >= 13
      ? b.nodes('Split', [x.name, c.ints(half, half)], 2, { axis: 1 })
      : b.nodes('Split', [x.name], 2, { axis: 1, split: [half, half] })
  const [p, q] = parts as [string, string]
  const perm = Array.from({ length: half }, (_, k) => k)
  const r = c.coin(0.25) ? b.node('Gather', [q, c.ints(...perm.reverse())], { axis: 1 }) : q
  const high = c.pick([
    () => b.node('Max', [p, q]),
    () => b.node('Add', [q, b.node('Relu', [b.node('Sub', [p, q])])]),
    () => b.node('Neg', [b.node('Min', [b.node('Neg', [p]), b.node('Neg', [q])])]),
  ])()
  const low = c.pick([
    () => b.node('Min', [p, r]),
    () => b.node('Sub', [p, b.node('Relu', [b.node('Sub', [p, r])])]),
    () => b.node('Sub', [b.node('Add', [p, r]), high]),
    () => high,
  ])()
  return { name: b.node('Concat', [high, low], { axis: 1 }), dims: x.dims }
}

const topK: Recipe = (c, x) => {
  if (c.opset < 11) return undefined
  const axis = c.axis(x, 1)
  const n = x.dims[axis]!
  if (n === 0) return undefined
  const k = c.coin() ? n : 1 + c.r.integer(n)
  const [values, indices] = c.b.nodes('TopK', [x.name, c.ints(k)], 2, { axis, largest: c.r.integer(2), sorted: 1 })
  const dims = x.dims.with(axis, k)
  if (c.coin(0.03)) return { name: c.b.node('Cast', [indices!], { to: 1 }), dims }
  return { name: values!, dims }
}

const where: Recipe = (c, x) => {
  if (c.opset < 9) return undefined
  const same = c.pantry.filter((t) => t.dims.join() === x.dims.join())
  const y = same.length > 0 ? c.pick(same) : x
  const mask = c.b.initializer(
    `m${c.trail.length}`,
    x.dims,
    Array.from({ length: sizeOf(x.dims) }, () => c.r.integer(2)),
    'bool',
  )
  const condition = c.coin(0.05) ? c.b.node('Greater', [x.name, c.b.constant([0], [])]) : mask
  return { name: c.b.node('Where', [condition, x.name, y.name]), dims: x.dims }
}

const resize: Recipe = (c, x) => {
  if (c.opset < 11 || x.dims.length !== 4 || sizeOf(x.dims) === 0) return undefined
  const sizes = [x.dims[0]!, x.dims[1]!, 1 + c.r.integer(6), 1 + c.r.integer(6)]
  const mode = c.pick(['nearest', 'linear', 'cubic'])
  const attributes: Record<string, BuilderAttribute> = {
    mode,
    coordinate_transformation_mode: c.pick(['half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel']),
  }
  if (mode === 'nearest') attributes.nearest_mode = c.pick(['floor', 'ceil', 'round_prefer_floor', 'round_prefer_ceil'])
  const empty = c.opset < 13 ? [c.b.constant([], [0]), c.b.constant([], [0])] : ['', '']
  return { name: c.b.node('Resize', [x.name, ...empty, c.ints(...sizes)], attributes), dims: sizes }
}

const expand: Recipe = (c, x) => {
  const dims = x.dims.map((d, k) => (d === 1 && k > 0 && c.coin() ? 1 + c.r.integer(3) : d))
  if (c.opset < 8) return undefined
  if (c.coin()) return { name: c.b.node('Expand', [x.name, c.ints(...dims)]), dims }
  const repeats = x.dims.map((_, k) => (k > 0 && c.coin(0.4) ? 2 : 1))
  return { name: c.b.node('Tile', [x.name, c.ints(...repeats)]), dims: x.dims.map((d, k) => d * repeats[k]!) }
}

const depth: Recipe = (c, x) => {
  if (x.dims.length !== 4) return undefined
  const [n, ch, h, w] = x.dims as [number, number, number, number]
  if (ch % 4 === 0 && c.coin())
    return {
      name: c.b.node('DepthToSpace', [x.name], {
        blocksize: 2,
        ...(c.opset >= 11 ? { mode: c.pick(['DCR', 'CRD']) } : {}),
      }),
      dims: [n, ch / 4, h * 2, w * 2],
    }
  if (h % 2 === 0 && w % 2 === 0)
    return { name: c.b.node('SpaceToDepth', [x.name], { blocksize: 2 }), dims: [n, ch * 4, h / 2, w / 2] }
  return undefined
}

const odds: Recipe = (c, x) => {
  const b = c.b
  switch (c.r.integer(6)) {
    case 0:
      if (c.opset < 11) return undefined
      return {
        name: b.node('CumSum', [x.name, b.indices([c.axis(x, 1)], [])], {
          reverse: c.r.integer(2),
          exclusive: c.r.integer(2),
        }),
        dims: x.dims,
      }
    case 1:
      if (c.opset < 14 || x.dims.length < 2) return undefined
      return {
        name: b.node('Trilu', [x.name, b.indices([c.r.integer(3) - 1], [])], { upper: c.r.integer(2) }),
        dims: x.dims,
      }
    case 2: {
      if (c.opset < 12 || x.dims.length !== 4) return undefined
      const w = c.constant([x.dims[1]!, 2], c.numbers(x.dims[1]! * 2, 0.5))
      return { name: b.node('Einsum', [x.name, w], { equation: 'nchw,cd->ndhw' }), dims: x.dims.with(1, 2) }
    }
    case 3: {
      if (c.opset < 11) return undefined
      const n = x.dims.at(-1)!
      if (n === 0) return undefined
      const indices = Array.from({ length: sizeOf(x.dims) }, () => c.r.integer(n))
      const shape = b.indices(indices, [...x.dims])
      return { name: b.node('GatherElements', [x.name, shape], { axis: x.dims.length - 1 }), dims: x.dims }
    }
    case 4: {
      if (c.opset < 16) return undefined
      const n = x.dims.at(-1)!
      if (n === 0) return undefined
      const axis = x.dims.length - 1
      const indices = Array.from({ length: sizeOf(x.dims) }, (_, i) => (c.coin() ? i % n : c.r.integer(n)))
      const same = c.pantry.filter((t) => t.dims.join() === x.dims.join())
      const y = same.length > 0 ? c.pick(same) : x
      const reduction = c.pick(['add', 'add', ...(c.opset >= 18 ? ['max', 'min'] : [])])
      return {
        name: b.node('ScatterElements', [x.name, b.indices(indices, [...x.dims]), y.name], { axis, reduction }),
        dims: x.dims,
      }
    }
    default:
      return { name: b.node('Cast', [x.name], { to: c.pick([1, 1, 1, 11]) }), dims: x.dims }
  }
}

/** Products of values: x times a gate of itself, gates of each other, gates of something else than x. */
const gate: Recipe = (c, x) => {
  const b = c.b
  if (c.opset < 13) return undefined
  const scalar = (...values: number[]): string => b.constant([c.pick(values)])
  const inner = c.pick([
    () => x.name,
    () => x.name,
    () => b.node('Mul', [x.name, scalar(1.702, -2, 0.1, 0)]),
    () => b.node('Add', [x.name, scalar(1, -3, 0)]),
    () => b.node('Add', [b.node('Mul', [x.name, scalar(2, -1)]), scalar(3, -0.5)]),
    () =>
      x.dims.at(-1)! > 1 ? b.node('Mul', [x.name, c.constant(x.dims.slice(-1), c.numbers(x.dims.at(-1)!))]) : x.name,
    () => c.pick(c.pantry.filter((t) => t.dims.join() === x.dims.join())).name,
  ])()
  const limits = (): [string, string] => [b.constant([c.pick([0, -1])], []), b.constant([c.pick([1, 6])], [])]
  const of = c.pick([
    () => b.node('Sigmoid', [inner]),
    () => b.node('Erf', [inner]),
    () => b.node('Tanh', [inner]),
    () => b.node('Tanh', [b.node('Softplus', [inner])]),
    () => b.node('HardSigmoid', [inner], { alpha: { float: c.pick([0.2, -0.5]) }, beta: { float: c.pick([0.5, 2]) } }),
    () => b.node('Clip', [inner, ...limits()]),
    () => b.node('Min', [b.node('Relu', [inner]), scalar(6, 1)]),
    () => b.node('Tanh', [b.node('Add', [inner, b.node('Mul', [b.node('Pow', [inner, scalar(3, 2)]), scalar(0.04)])])]),
    () => b.node('Softplus', [inner]),
  ])()
  const behind = c.pick([
    () => of,
    () => of,
    () => b.node('Sub', [scalar(1, 2), of]),
    () => b.node('Mul', [b.node('Add', [of, scalar(1, -1)]), scalar(0.5, -2)]),
    () => b.node('Div', [of, scalar(6, -3)]),
  ])()
  const factor = c.pick([() => x.name, () => x.name, () => b.node('Mul', [x.name, scalar(0.5, -2)]), () => of])()
  return { name: b.node('Mul', c.coin() ? [factor, behind] : [behind, factor]), dims: x.dims }
}

/** x + k B s(A x), B the adjoint of A or nearly. */
const residual: Recipe = (c, x) => {
  const b = c.b
  const k = b.constant([c.pick([-2, -1, 1, 0.5, -0.3])])
  const slope = (y: string): string =>
    c.pick([
      () => b.node('Relu', [y]),
      () => b.node('Relu', [y]),
      () => b.node('Min', [b.node('Relu', [y]), b.constant([c.pick([6, 1])])]),
      () => b.node('Abs', [y]),
      () => b.node('LeakyRelu', [y], { alpha: { float: c.pick([0.1, -1]) } }),
      () => b.node('Mul', [b.node('Relu', [y]), b.constant([c.pick([1.5, -1])])]),
    ])()
  const join = (branch: string): Tensor => {
    const scaled = c.coin(0.7) ? b.node('Mul', [branch, k]) : branch
    const skip = c.coin(0.8) ? x.name : b.node('Neg', [x.name])
    return { name: b.node(c.pick(['Add', 'Sub']), [skip, scaled]), dims: x.dims }
  }
  if (x.dims.length === 2 && c.coin(0.8)) {
    const [, n] = x.dims as [number, number]
    const m = c.coin() ? n : 1 + c.r.integer(4)
    if (n === 0 || c.opset < 11) return undefined
    const data = c.numbers(n * m, 0.5)
    const w = b.initializer(`r${c.trail.length}`, [m, n], data)
    const scale = c.pick([1, 1, 2])
    // The same weights, once from the left and once from the right; or both from one side, where the map is square.
    const other = c.coin(0.8)
      ? w
      : b.initializer(
          `q${c.trail.length}`,
          [m, n],
          data.map((v, i) => (i % n === 0 ? 2 * v : v)),
        )
    const hidden = slope(b.node('Gemm', [x.name, w], { transB: 1 }))
    const wrong = m === n && c.coin(0.2)
    return join(b.node('Gemm', [hidden, other], { transB: wrong ? 1 : 0, alpha: { float: scale } }))
  }
  const spatial = x.dims.slice(2)
  if (spatial.length < 1 || spatial.length > 2 || c.opset < 11) return undefined
  const channels = x.dims[1]!
  const wide = 1 + c.r.integer(3)
  const strides = spatial.map((size) => (size % 2 === 0 && c.coin(0.2) ? 2 : 1))
  const kernel = spatial.map((_, i) => (strides[i] === 2 ? 2 : c.pick([1, 3])))
  const dims = [wide, channels, ...kernel]
  const data = c.numbers(sizeOf(dims), 0.4)
  const w = b.initializer(`r${c.trail.length}`, dims, data)
  const pads = [...kernel, ...kernel].map((size) => (size === 3 ? 1 : 0))
  const hidden = slope(b.node('Conv', [x.name, w], { strides, pads }))
  if (c.coin(0.6) || strides.includes(2)) return join(b.node('ConvTranspose', [hidden, w], { strides, pads }))
  // The adjoint of stride 1 as a convolution: channels exchanged, the kernel turned around (or not).
  const taps = kernel.reduce((n, size) => n * size, 1)
  const turns = c.coin(0.8)
  const turned = new Float32Array(data.length)
  for (let o = 0; o < wide; o++)
    for (let i = 0; i < channels; i++)
      for (let t = 0; t < taps; t++)
        turned[(i * wide + o) * taps + (turns ? taps - 1 - t : t)] = data[(o * channels + i) * taps + t]!
  const back = b.initializer(`q${c.trail.length}`, [channels, wide, ...kernel], turned)
  return join(b.node('Conv', [hidden, back], { strides, pads }))
}

/** A tensor cut up, its parts changed, exchanged or forgotten, and put together again. */
const shuffle: Recipe = (c, x) => {
  const b = c.b
  const axis = c.axis(x, 1)
  const n = x.dims[axis] ?? 0
  if (n < 2) return undefined
  const count = n % 3 === 0 && c.coin() ? 3 : n % 2 === 0 ? 2 : 0
  if (count === 0) return undefined
  const sizes = Array.from({ length: count }, () => n / count)
  const parts =
    c.opset >= 13
      ? b.nodes('Split', [x.name, c.ints(...sizes)], count, { axis })
      : b.nodes('Split', [x.name], count, { axis, split: sizes })
  const change = (y: string): string =>
    c.pick([
      () => y,
      () => y,
      () => b.node('Neg', [y]),
      () => b.node('Max', [y, parts[0]!]),
      () => b.node('Min', [y, parts.at(-1)!]),
      () => b.node('Add', [y, parts[0]!]),
      () => b.node('Sub', [parts[1]!, y]),
      () => b.node('Relu', [b.node('Sub', [y, parts[0]!])]),
    ])()
  if (c.opset < 8) return undefined
  const chosen = Array.from({ length: count }, () => change(c.pick(parts)))
  const joined = b.node('Concat', chosen, { axis })
  return { name: c.coin(0.3) ? b.node('Add', [joined, x.name]) : joined, dims: x.dims }
}

/** Decisions: those that meet where they change, and those that jump. */
const decision: Recipe = (c, x) => {
  const b = c.b
  if (c.opset < 16) return undefined
  const same = c.pantry.filter((t) => t.dims.join() === x.dims.join())
  const y = c.coin() ? c.pick(same).name : b.constant([c.pick([0, 0, 0, 1])])
  const op = c.pick(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'])
  const plain = b.node(op, c.coin() ? [x.name, y] : [y, x.name])
  const condition = c.coin(0.2) ? b.node('Not', [plain]) : plain
  const scaled = (): string => b.node('Mul', [x.name, b.constant([c.pick([0.5, 2, -1, 0])])])
  const list = [x.name, x.name, scaled(), b.node('Max', [x.name, y]), b.node('Min', [x.name, y])]
  const [p, q] = [c.pick(list), c.pick(list)]
  if (c.coin(0.8)) return { name: b.node('Where', [condition, p, q]), dims: x.dims }
  return { name: b.node('Mul', [b.node('Cast', [condition], { to: 1 }), p]), dims: x.dims }
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  conv,
  convTranspose,
  gemm,
  matmul,
  scale,
  join,
  concat,
  split,
  slice,
  gather,
  transpose,
  reshape,
  pad,
  pool,
  globalPool,
  reduce,
  activation,
  clip,
  prelu,
  batchNorm,
  norm,
  l2,
  algebra,
  groupSort,
  topK,
  where,
  resize,
  expand,
  depth,
  odds,
  gate,
  residual,
  shuffle,
  decision,
}
const NAMES = Object.keys(RECIPES)
const OFTEN = [
  ...NAMES,
  'conv',
  'gemm',
  'join',
  'join',
  'concat',
  'concat',
  'algebra',
  'groupSort',
  'groupSort',
  'reshape',
  'scale',
  'pad',
  'gate',
  'residual',
  'residual',
  'shuffle',
  'shuffle',
]

/** The random graph of a seed; the same seed gives the same graph. */
export function randomGraph(seed: number): RandomGraph {
  const c = new Chef(randomStream(0x5eed, seed))
  const input = c.pick<Shape>([
    [1, 4, 4, 4],
    [1, 2, 5, 3],
    [1, 3, 6],
    [1, 6],
    [1, 8],
    [1, 1, 6, 6],
    [1, 12],
    [1, 4, 1, 5],
  ])
  const x: Tensor = { name: c.b.input('x', ['N', ...input.slice(1)]), dims: input }
  c.pantry.push(x)
  let last: Tensor = x
  const steps = 1 + c.r.integer(9)
  for (let step = 0, tries = 0; step < steps && tries < 60; tries++) {
    const recipe = c.pick(OFTEN)
    const from = c.coin(0.75) ? last : c.pick(c.pantry)
    const made = RECIPES[recipe]!(c, from)
    if (!made || sizeOf(made.dims) > LARGEST) continue
    c.trail.push(`${recipe}[${made.dims.join('x')}]`)
    c.pantry.push(made)
    last = made
    step++
  }
  c.b.output(last.name)
  return { model: c.b.build(), input, trail: c.trail }
}
