import { expect } from 'vitest'
import { COTANGENT, differentiate, gradientName } from '../../src/graph/differentiate.ts'
import { evaluate } from '../../src/graph/evaluate.ts'
import { prepare } from '../../src/graph/prepare.ts'
import type { Program } from '../../src/graph/program.ts'
import { type BuilderAttribute, GraphBuilder } from '../../src/onnx/builder.ts'
import type { ElementType, NdArray } from '../../src/onnx/ir.ts'
import { randomArray, runOnnx, stream } from '../graph/oracle.ts'

export interface GradientInput {
  readonly dims: readonly number[]
  /** Default: random in [-1, 1), so that kinks at 0 are not hit. */
  readonly values?: readonly number[]
  /** Not differentiated: an initializer. Whole-number inputs are always constant. */
  readonly constant?: true
  readonly type?: ElementType
}

export interface GradientCase {
  readonly op: string
  /** undefined = omitted optional input. */
  readonly inputs: readonly (GradientInput | undefined)[]
  readonly attributes?: Readonly<Record<string, BuilderAttribute>>
  readonly opset?: number
  /** How many outputs the node has (default 1), and the one that is differentiated (default 0). */
  readonly outputs?: number
  readonly of?: number
  readonly seed?: number
  /** Step of the central differences, in float64; default 1e-5. */
  readonly step?: number
  readonly tolerance?: number
}

/**
 * The gradient rule of one node: the backward graph gives the same in onnxruntime (float32) and in our evaluator (float64),
 * and that is what central differences of the evaluator say; where the operator calls itself affine or movement, the rule is
 * its adjoint: <u, T d> = <T^T u, d> without any limit.
 */
export async function checkGradient(test: GradientCase): Promise<void> {
  const next = stream(test.seed ?? 1)
  const b = new GraphBuilder({ opset: test.opset ?? 18 })
  const points = new Map<string, NdArray>()
  const names = test.inputs.map((input, i) => {
    if (!input) return ''
    const { dims, values, type = 'float32' } = input
    const array = values ? { type, dims, data: Float64Array.from(values) } : { ...randomArray(dims, next), type }
    const name = `x${i}`
    if (input.constant || type !== 'float32') return b.initializer(name, dims, array.data, type)
    points.set(name, array)
    return b.input(name, dims)
  })
  const made = b.nodes(test.op, names, test.outputs ?? 1, test.attributes)
  const of = made[test.of ?? 0]!
  b.output(of)
  const program = prepare(b.build(), { batch: 1 })
  expect(program.refused).toEqual([])

  const by = [...points.keys()]
  const model = differentiate(program, { of, by })
  expect(model.opsets.get('')).toBeLessThanOrEqual(Math.max(18, test.opset ?? 18))
  const u = randomArray(program.values.get(of)!.dims, next)
  const feeds = new Map([...points, [COTANGENT, u]])
  const backward = prepare(model, { batch: 1 })
  expect(backward.refused).toEqual([])
  const ours = evaluate(backward, feeds)
  const theirs = await runOnnx(model, Object.fromEntries(feeds))
  for (const name of [of, ...by.map(gradientName)])
    close(ours.get(name)!, theirs[name]!, 2e-5, `${name} in onnxruntime`)
  close(ours.get(of)!, evaluate(program, points).get(of)!, 0, 'forward')

  for (const name of by) {
    const gradient = ours.get(gradientName(name))!
    expect(gradient.dims, `${name}: shape of the gradient`).toEqual(points.get(name)!.dims)
    for (const direction of directions(points.get(name)!, next)) {
      const predicted = dot(gradient.data, direction)
      const measured = slope(program, points, name, direction, of, u, test.step ?? 1e-5)
      const size = Math.sqrt(dot(gradient.data, gradient.data) * dot(direction, direction)) + 1e-3
      expect(Math.abs(predicted - measured) / size, `${test.op} by ${name}`).toBeLessThan(test.tolerance ?? 1e-6)
    }
  }
  checkAdjoint(program, points, ours, of, u, next)
}

/** The slope of <u, f> along a direction, by central differences. */
function slope(
  program: Program,
  points: ReadonlyMap<string, NdArray>,
  name: string,
  direction: Float64Array,
  of: string,
  u: NdArray,
  step: number,
): number {
  const at = (sign: number) => dot(u.data, evaluate(program, moved(points, name, direction, sign * step)).get(of)!.data)
  return (at(1) - at(-1)) / (2 * step)
}

function moved(
  points: ReadonlyMap<string, NdArray>,
  name: string,
  direction: Float64Array,
  step: number,
): Map<string, NdArray> {
  const point = points.get(name)!
  return new Map(points).set(name, { ...point, data: point.data.map((value, i) => value + step * direction[i]!) })
}

/** Every unit direction of small inputs, a few random ones of large ones. */
function directions(point: NdArray, next: () => number): Float64Array[] {
  const count = point.data.length
  if (count <= 24)
    return Array.from({ length: count }, (_, k) => Float64Array.from({ length: count }, (_, i) => (i === k ? 1 : 0)))
  return Array.from({ length: 4 }, () => Float64Array.from({ length: count }, next))
}

function checkAdjoint(
  program: Program,
  points: ReadonlyMap<string, NdArray>,
  ours: ReadonlyMap<string, NdArray>,
  of: string,
  u: NdArray,
  next: () => number,
): void {
  const { site, operator } = program.nodes[0]!
  const [only, ...others] = points.keys()
  const kind = operator.lipschitz(site).kind
  if (only === undefined || others.length > 0 || (kind !== 'affine' && kind !== 'move')) return
  const direction = Float64Array.from(points.get(only)!.data, () => 10 * next())
  const there = evaluate(program, moved(points, only, direction, 1)).get(of)!.data
  const here = evaluate(program, points).get(of)!.data
  const left = dot(
    u.data,
    there.map((value, i) => value - here[i]!),
  )
  const right = dot(ours.get(gradientName(only))!.data, direction)
  expect(Math.abs(left - right), `${site.node.op}: the rule is the adjoint`).toBeLessThan(
    1e-11 * (1 + Math.abs(left)) * (1 + u.data.length),
  )
}

function close(a: NdArray, b: NdArray, tolerance: number, what: string): void {
  expect(a.dims, what).toEqual(b.dims)
  const scale = 1 + Math.max(0, ...a.data.map(Math.abs))
  const bad = a.data.findIndex((value, i) => !(Math.abs(value - b.data[i]!) <= tolerance * scale))
  if (bad >= 0) expect.fail(`${what}, element ${bad}: ${a.data[bad]} and ${b.data[bad]}`)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
