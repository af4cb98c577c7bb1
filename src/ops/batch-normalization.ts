import type { NdArray } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { diagonal, dynamicInputs, unbounded } from './rules.ts'

/** y = scale (x - mean) / sqrt(var + epsilon) + B, channel by channel, with the statistics in the file (inference). */
export const BatchNormalization: Operator = {
  type: 'BatchNormalization',
  shape: (site) => {
    const { type, dims } = site.input(0)
    const channels = dims[1] ?? 1
    for (const index of [1, 2, 3, 4])
      if (sizeOf(site.input(index).dims) !== channels)
        throw invalid(site, `has ${sizeOf(site.input(index).dims)} statistics for ${channels} channels`)
    return [{ type, dims }]
  },
  evaluate: (site, inputs) => {
    const because = trains(site)
    if (because) throw unsupported(site, because)
    const [x, scale, bias, mean, variance] = inputs as readonly NdArray[]
    const epsilon = site.float('epsilon', 1e-5)
    const channels = scale.data.length
    const size = sizeOf(x.dims.slice(2))
    const data = new Float64Array(x.data.length)
    for (let map = 0, at = 0; at < data.length; map++) {
      const c = map % channels
      const factor = scale.data[c] / Math.sqrt(variance.data[c] + epsilon)
      for (const end = at + size; at < end; at++) data[at] = (x.data[at] - mean.data[c]) * factor + bias.data[c]
    }
    return [{ type: x.type, dims: x.dims, data }]
  },
  lipschitz: (site) => {
    const because = trains(site)
    if (because) return unbounded(because)
    if (dynamicInputs(site).some((index) => index > 0)) return unbounded('its statistics depend on the input')
    return diagonal(factors(site))
  },
  /**
   * onnxruntime folds scale and mean into y = x s + (B - mean s): s carries 4 roundings, and B - mean s may cancel, so the
   * magnitudes of both count. Six roundings beside the products cover either form.
   */
  rounding: (site) => {
    if (trains(site) || dynamicInputs(site).some((index) => index > 0))
      return { kind: 'unknown', because: 'its statistics are not in the file' }
    const s = factors(site)
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => site.constant(index)!)
    const epsilon = site.float('epsilon', 1e-5)
    // (x - mean) / deviation comes first in the other form: it must not overflow, nor the deviation be read as 0.
    const far = variance.data.some(
      (v, c) => v + epsilon < 2 ** -126 || Math.abs(mean.data[c]) > 2 ** 60 * Math.sqrt(v + epsilon),
    )
    if (far) return { kind: 'unknown', because: 'its deviations are so small that a partial result may leave float32' }
    const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 1)
    const offsets = bias.data.map((b, c) => Math.abs(b) + Math.abs(mean.data[c] * s.data[c]))
    return {
      kind: 'dot',
      terms: 8,
      offset: offsets.reduce((a, b) => Math.max(a, b), 0) * (1 + 2 ** -40),
      gain: Math.max(largest(s.data), largest(scale.data)),
    }
  },
  rows: (site) => (trains(site) ? 'mixed' : 'rows'),
  vjp: (site, b, [dy], wanted) => {
    if (wanted.slice(1).some(Boolean)) throw unsupported(site, 'has no gradient for its statistics here')
    if (!dy) return [undefined]
    // As nodes over the file's own numbers: a factor rounded to float32 would not be the exact adjoint.
    const dims = factors(site).dims
    const placed = (index: number) => b.node('Reshape', [site.input(index).name, b.indices(dims)])
    const deviation = b.node('Sqrt', [b.node('Add', [placed(4), b.constant([site.float('epsilon', 1e-5)], [])])])
    return [b.node('Div', [b.node('Mul', [dy, placed(1)]), deviation])]
  },
}

/** Why this use is not inference; undefined when it is. */
function trains(site: Site): string | undefined {
  if (site.int('training_mode', 0) !== 0) return 'is in training mode: it mixes the samples of a batch'
  if (site.opset < 14 && site.node.outputs.filter((name) => name !== '').length > 1)
    return 'asks for running statistics, which is training mode: it mixes the samples of a batch'
  if (site.opset < 9 && site.int('spatial', 1) === 0) return 'normalises every position by itself (spatial = 0)'
  return undefined
}

/** scale / sqrt(var + epsilon), shaped to broadcast over `[batch, channels, …]`. */
function factors(site: Site): NdArray {
  const [scale, variance] = [site.constant(1)!, site.constant(4)!]
  const epsilon = site.float('epsilon', 1e-5)
  const { dims } = site.input(0)
  const data = scale.data.map((s, c) => s / Math.sqrt(variance.data[c] + epsilon))
  // Sum, root and division: three roundings. Errors of computed statistics are not followed through the root.
  const inherited = (scale.relativeError ?? 0) + (variance.relativeError ? Number.POSITIVE_INFINITY : 0)
  return {
    type: scale.type,
    dims: [data.length, ...new Array<number>(Math.max(0, dims.length - 2)).fill(1)],
    data,
    relativeError: inherited * (1 + 2 ** -50) + 2 ** -50,
  }
}
