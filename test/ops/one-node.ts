/**
 * One operator in a model of its own: what the room says about it beside what onnxruntime does with it.
 * @module
 */
import * as ort from 'onnxruntime-node'
import { type BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import type { ElementType, NdArray, Shape } from '../../src/onnx/ir.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { OPERATORS } from '../../src/ops/index.ts'
import type { LipschitzRule, Operand, Operator, Site } from '../../src/ops/operator.ts'
import { createSite } from '../../src/ops/site.ts'

export interface Given {
  readonly dims: Shape
  readonly data: readonly number[]
  readonly type?: ElementType
  /** An initializer; else a graph input. */
  readonly constant?: boolean
}

export interface NodeCase {
  readonly op: string
  readonly opset?: number
  readonly attributes?: Readonly<Record<string, BuilderAttribute>>
  /** undefined = optional input omitted. */
  readonly inputs: readonly (Given | undefined)[]
  readonly outputs?: number
}

export const floats = (dims: Shape, data: readonly number[]): Given => ({ dims, data: data.map(Math.fround) })
export const fixed = (dims: Shape, data: readonly number[]): Given => ({ ...floats(dims, data), constant: true })
export const integers = (...data: number[]): Given => ({ dims: [data.length], data, type: 'int64', constant: true })

/** Reproducible numbers in [-1, 1), float32 (mulberry32). */
export function randomFloats(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.fround(((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1)
  }
}

/** A random float tensor, elements scaled by `scale`. */
export function random(dims: Shape, seed: number, scale = 1): Given {
  const next = randomFloats(seed)
  return floats(
    dims,
    Array.from({ length: dims.reduce((n, size) => n * size, 1) }, () => Math.fround(scale * next())),
  )
}

export function roomFor(op: string): Operator {
  const room = OPERATORS.get(op)
  if (!room) throw new Error(`no room for ${op}`)
  return room
}

const arrayOf = (given: Given): NdArray => ({
  type: given.type ?? 'float32',
  dims: given.dims,
  data: Float64Array.from(given.data),
})

function build(one: NodeCase): { builder: GraphBuilder; node: Site['node'] } {
  const builder = new GraphBuilder({ opset: one.opset ?? 18 })
  const names = one.inputs.map((given, i) => {
    if (!given) return ''
    if (given.constant) return builder.initializer(`c${i}`, given.dims, given.data, given.type ?? 'float32')
    return builder.input(`x${i}`, given.dims, given.type ?? 'float32')
  })
  const outputs = Array.from({ length: one.outputs ?? 1 }, (_, i) => `y${i}`)
  builder.nodes(one.op, names, outputs.length, one.attributes, { outputs, name: 'node' })
  return { builder, node: builder.build().graph.nodes[0]! }
}

/** The node in its place, outputs included. */
export function siteOf(one: NodeCase): Site {
  const { node } = build(one)
  const inputs = one.inputs.map((given, i): Operand | undefined => {
    if (!given) return undefined
    const array = arrayOf(given)
    const operand = { name: `${given.constant ? 'c' : 'x'}${i}`, type: array.type, dims: array.dims }
    return given.constant ? { ...operand, constant: array } : operand
  })
  const opset = one.opset ?? 18
  const types = roomFor(one.op).shape(createSite(node, opset, inputs))
  const outputs = types.map((type, i) => ({ ...type, name: node.outputs[i] ?? '' }))
  return createSite(node, opset, inputs, outputs)
}

/** The room's own evaluation; checks that it keeps to the shapes that the room announces. */
export function evaluate(one: NodeCase, inputs = one.inputs): readonly NdArray[] {
  const site = siteOf(one)
  const values = roomFor(one.op).evaluate(
    site,
    inputs.map((given) => given && arrayOf(given)),
  )
  values.forEach((value, i) => {
    const announced = site.outputs[i]!
    if (value.type !== announced.type || `${value.dims}` !== `${announced.dims}`) {
      throw new Error(
        `${one.op}: ${value.type}[${value.dims}] where ${announced.type}[${announced.dims}] was announced`,
      )
    }
    if (value.data.length !== value.dims.reduce((n, size) => n * size, 1)) throw new Error(`${one.op}: wrong length`)
  })
  return values
}

/** What onnxruntime's CPU provider answers. */
export async function execute(one: NodeCase): Promise<readonly NdArray[]> {
  const { builder } = build(one)
  const site = siteOf(one)
  const names = site.node.outputs
  site.outputs.slice(0, names.length).forEach((output) => {
    builder.output(output.name, output.dims, output.type)
  })
  const feeds = Object.fromEntries(
    one.inputs.flatMap((given, i) => (given && !given.constant ? [[`x${i}`, tensorOf(given)] as const] : [])),
  )
  return run(builder, feeds, names)
}

export async function run(
  builder: GraphBuilder,
  feeds: Record<string, ort.Tensor>,
  names: readonly string[],
): Promise<readonly NdArray[]> {
  const session = await ort.InferenceSession.create(encodeModel(builder.build()), {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    graphOptimizationLevel: 'disabled',
  })
  try {
    const results = await session.run(feeds)
    return names.map((name) => {
      const { type, dims, data } = results[name]!
      return { type: type as ElementType, dims, data: Float64Array.from(data as ArrayLike<unknown>, Number) }
    })
  } finally {
    await session.release()
  }
}

export function tensorOf(given: Given): ort.Tensor {
  const type = given.type ?? 'float32'
  if (type === 'int64') return new ort.Tensor('int64', BigInt64Array.from(given.data, BigInt), given.dims)
  if (type === 'int32') return new ort.Tensor('int32', Int32Array.from(given.data), given.dims)
  if (type === 'bool') return new ort.Tensor('bool', Uint8Array.from(given.data), given.dims)
  return new ort.Tensor('float32', Float32Array.from(given.data), given.dims)
}

/**
 * Largest |room - onnxruntime| over the room's own rounding rule, over all outputs; at most 1 when the rule holds.
 * Values without a rule that bounds them elementwise are compared at 64 ulps of the largest.
 */
export async function disagreement(one: NodeCase): Promise<number> {
  const exact = evaluate(one)
  const executed = await execute(one)
  const rule = roomFor(one.op).rounding(siteOf(one))
  const u = 2 ** -24
  let worst = 0
  executed.forEach((value, i) => {
    const truth = exact[i]!
    if (`${value.dims}` !== `${truth.dims}`) throw new Error(`${one.op}: [${truth.dims}], onnxruntime [${value.dims}]`)
    if (value.type !== truth.type) throw new Error(`${one.op}: ${truth.type}, onnxruntime ${value.type}`)
    const largest = truth.data.reduce((best, y) => (Number.isFinite(y) ? Math.max(best, Math.abs(y)) : best), 0)
    const x = one.inputs[0]!.data
    const magnitude = x.reduce((sum, v) => sum + Math.abs(v), 0)
    truth.data.forEach((y, k) => {
      const difference = Object.is(y, value.data[k]) || y === value.data[k] ? 0 : Math.abs(y - value.data[k]!)
      const allowed =
        rule.kind === 'exact'
          ? 0
          : rule.kind === 'relative'
            ? rule.ulps * u * Math.abs(y) +
              (rule.inputUlps ?? 0) * u * Math.abs(x[k] ?? 0) +
              (rule.absolute ?? 0) +
              2 ** -126
            : rule.kind === 'absolute'
              ? rule.error
              : rule.kind === 'dot'
                ? rule.terms * u * magnitude
                : 64 * u * largest
      if (Number.isNaN(y) && Number.isNaN(value.data[k])) return
      worst = Math.max(worst, difference === 0 ? 0 : Number.isNaN(difference) ? Infinity : difference / allowed)
    })
  })
  return worst
}

/**
 * The room's gradient of <cotangents, y> with respect to the float inputs, as onnxruntime computes it at opset 18; the
 * forward values, which a gradient may use, are fed.
 */
export async function backward(
  one: NodeCase,
  cotangents: readonly (readonly number[] | undefined)[],
  wanted = one.inputs.map((given) => given !== undefined && (given.type ?? 'float32') === 'float32'),
): Promise<readonly (NdArray | undefined)[]> {
  const site = siteOf(one)
  const builder = new GraphBuilder()
  const feeds: Record<string, ort.Tensor> = {}
  const feed = (name: string, given: Given) => {
    feeds[builder.input(name, given.dims, given.type ?? 'float32')] = tensorOf(given)
    return name
  }
  site.inputs.forEach((operand, i) => {
    if (operand) feed(operand.name, one.inputs[i]!)
  })
  evaluate(one).forEach((value, i) => {
    feed(site.outputs[i]!.name, { ...value, data: [...value.data] })
  })
  const given = cotangents.map((data, i) => data && feed(`dy${i}`, { dims: site.outputs[i]!.dims, data }))
  const { vjp } = roomFor(one.op)
  if (!vjp) throw new Error(`${one.op} has no vjp`)
  const gradients = vjp(site, builder, given, wanted)
  const names = gradients.filter((name) => name !== undefined)
  for (const name of new Set(names)) builder.output(name)
  if (names.length === 0) return gradients.map(() => undefined)
  const values = await run(builder, feeds, names)
  let position = 0
  return gradients.map((name) => (name === undefined ? undefined : values[position++]))
}

/** Central differences of <cotangents, y> with respect to input `index`, by the room's evaluation. */
export function differences(
  one: NodeCase,
  cotangents: readonly (readonly number[] | undefined)[],
  index: number,
  step = 1e-5,
): readonly number[] {
  const target = one.inputs[index]!
  const loss = (data: readonly number[]) => {
    const values = evaluate(
      one,
      one.inputs.map((given, i) => (i === index ? { ...target, data } : given)),
    )
    return cotangents.reduce(
      (sum, weights, i) => sum + (weights ? weights.reduce((s, w, k) => s + w * values[i]!.data[k]!, 0) : 0),
      0,
    )
  }
  return target.data.map((_, k) => {
    const moved = (by: number) => target.data.map((value, j) => (j === k ? value + by : value))
    return (loss(moved(step)) - loss(moved(-step))) / (2 * step)
  })
}

/** Spectral norm of the Jacobian of output 0 with respect to input 0 at the case's own input, by differences. */
export function slopeOf(one: NodeCase, step = 1e-6): number {
  const x = one.inputs[0]!
  const columns = x.data.map((_, k) => {
    const at = (by: number) =>
      evaluate(
        one,
        one.inputs.map((given, i) => (i === 0 ? { ...x, data: x.data.map((v, j) => (j === k ? v + by : v)) } : given)),
      )[0]!.data
    const [right, left] = [at(step), at(-step)]
    return right.map((value, i) => (value - left[i]!) / (2 * step))
  })
  return spectralNorm(columns)
}

/** Of a small matrix given by columns; power iteration, from below. */
export function spectralNorm(columns: readonly Float64Array[]): number {
  const next = randomFloats(11)
  let v = columns.map(() => next())
  let norm = 0
  for (let step = 0; step < 1000; step++) {
    const image = new Float64Array(columns[0]?.length ?? 0)
    columns.forEach((column, k) => {
      column.forEach((value, i) => {
        image[i]! += value * v[k]!
      })
    })
    const back = columns.map((column) => column.reduce((sum, value, i) => sum + value * image[i]!, 0))
    const size = Math.hypot(...v)
    norm = Math.hypot(...image) / (size || 1)
    const length = Math.hypot(...back)
    if (length === 0) return norm
    v = back.map((value) => value / length)
  }
  return norm
}

/** The constant that a rule promises for a node with one dynamic input. */
export function constantOf(rule: LipschitzRule): number {
  switch (rule.kind) {
    case 'constant':
    case 'monotone-head':
      return rule.value
    case 'affine':
      if (rule.structure.kind === 'closed-form') return rule.structure.norm
      throw new Error(`no closed form for ${rule.structure.kind}`)
    case 'combine':
      return rule.combine([1])
    case 'move':
      return 1
    case 'unbounded':
      return Infinity
  }
}
