import type { NdArray, Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import type { GradientBuilder, LinearStructure, Operator } from './operator.ts'
import { type AxisResampling, matrixError, matrixOf } from './resample.ts'
import { type ResizePlan, resizePlan } from './resize-plan.ts'
import { scatterAlong } from './scatter-along.ts'

/** Everything about resampling but the operator's name and opsets. */
export const resampling: Omit<Operator, 'type' | 'opsets'> = {
  shape: (site) => [{ type: site.input(0).type, dims: resizePlan(site).outDims }],
  evaluate: (site, [x]) => [apply(resizePlan(site), x!)],
  lipschitz: (site) => {
    const plan = resizePlan(site)
    if (plan.ambiguous) {
      return { kind: 'unbounded', because: 'the specification and onnxruntime place these samples differently' }
    }
    if (plan.axes.every(isMove)) return { kind: 'move' }
    return { kind: 'affine', structure: structureOf(plan) }
  },
  rounding: (site) => {
    const plan = resizePlan(site)
    if (plan.ambiguous || !plan.axes.every((axis) => axis.identity || axis.decided)) {
      return { kind: 'unknown', because: 'float32 arithmetic may place its samples elsewhere' }
    }
    if (plan.axes.every((axis) => axis.copies)) return { kind: 'exact' }
    const moved = plan.axes.filter((axis) => !axis.identity)
    const terms = moved.reduce((product, { rows }) => product * Math.max(1, ...rows.map((taps) => taps.length)), 1)
    return { kind: 'dot', terms: terms + 2 * moved.length }
  },
  rows: (site) => (resizePlan(site).axes[0]?.identity === false ? 'mixed' : 'rows'),
  vjp: (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const { axes, outDims } = resizePlan(site)
    let value = dy
    let dims: Shape = outDims
    axes.forEach((axis, k) => {
      if (axis.identity) return
      value = axis.copies
        ? scatterAlong(
            b,
            value,
            dims,
            k,
            Int32Array.from(axis.rows, (taps) => taps[0]?.index ?? -1),
            axis.size,
          )
        : adjointAlong(b, value, dims, k, axis)
      dims = dims.with(k, axis.size)
    })
    return [value]
  },
}

/** Resamples by nearest, linear or cubic interpolation; linear in its input. */
export const Resize: Operator = { type: 'Resize', opsets: [10, 25], ...resampling }

/** A copy of an element in every position: no constant from outside. */
function isMove(axis: AxisResampling): boolean {
  return axis.copies && axis.rows.every((taps) => taps.length === 1)
}

function structureOf({ axes, how }: ResizePlan): LinearStructure {
  const moved = axes.filter((axis) => !axis.identity)
  const factors = moved.map(matrixOf)
  const perturbations = moved.map((axis) => matrixError(axis, how.cubic))
  return factors.length === 1
    ? { kind: 'matrix', matrix: factors[0]!, perturbation: perturbations[0]! }
    : { kind: 'kronecker', factors, perturbations }
}

function apply({ axes, outDims, extrapolation }: ResizePlan, x: NdArray): NdArray {
  let data: Float64Array = x.data
  let dims: Shape = x.dims
  axes.forEach((axis, k) => {
    if (axis.identity) return
    data = applyAlong(data, dims, k, axis)
    dims = dims.with(k, axis.rows.length)
  })
  axes.forEach((axis, k) => {
    if (axis.rows.every((taps) => taps.length > 0)) return
    const step = sizeOf(outDims.slice(k + 1))
    data = data.map((value, i) =>
      axis.rows[Math.floor(i / step) % axis.rows.length]!.length === 0 ? extrapolation : value,
    )
  })
  return { type: x.type, dims: outDims, data }
}

function applyAlong(data: Float64Array, dims: Shape, k: number, { size, rows }: AxisResampling): Float64Array {
  const step = sizeOf(dims.slice(k + 1))
  const lines = sizeOf(dims.slice(0, k))
  const result = new Float64Array(lines * rows.length * step)
  for (let line = 0; line < lines; line++) {
    rows.forEach((taps, i) => {
      const to = (line * rows.length + i) * step
      for (const { index, weight } of taps) {
        const from = (line * size + index) * step
        for (let j = 0; j < step; j++) result[to + j]! += weight * data[from + j]!
      }
    })
  }
  return result
}

/** The transposed matrix along one axis. */
function adjointAlong(b: GradientBuilder, value: string, dims: Shape, k: number, axis: AxisResampling): string {
  const out = axis.rows.length
  const transposed = new Float64Array(axis.size * out)
  axis.rows.forEach((taps, i) => {
    for (const { index, weight } of taps) transposed[index * out + i] = weight
  })
  const lines = b.node('Reshape', [value, b.indices([sizeOf(dims.slice(0, k)), out, sizeOf(dims.slice(k + 1))])])
  const image = b.node('MatMul', [b.constant(transposed, [axis.size, out]), lines])
  return b.node('Reshape', [image, b.indices(dims.with(k, axis.size))])
}
