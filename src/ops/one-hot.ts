import type { NdArray, Shape } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { exact, unbounded } from './rules.ts'

/** A new axis of length `depth` that holds the on-value at the index and the off-value elsewhere. */
export const OneHot: Operator = {
  type: 'OneHot',
  opsets: [9, 25],
  shape: (site) => [{ type: site.input(2).type, dims: planOf(site).outDims }],
  evaluate: (site, [indices, depth, values]) => {
    const { axis, outDims } = planOf(site, depth)
    const [off, on] = values!.data
    const length = outDims[axis]!
    const step = sizeOf(outDims.slice(axis + 1))
    const data = new Float64Array(sizeOf(outDims)).fill(off!)
    indices!.data.forEach((given, i) => {
      const index = given < 0 ? given + length : given
      // Positions outside [-depth, depth - 1] leave the off-value everywhere.
      if (index >= 0 && index < length) data[(Math.floor(i / step) * length + index) * step + (i % step)] = on!
    })
    return [{ type: values!.type, dims: outDims, data }]
  },
  lipschitz: (site) =>
    site.inputs[0]?.constant
      ? unbounded('its on- and off-values depend on the data')
      : unbounded('the position of its on-value depends on the data, so it jumps'),
  rounding: () => exact,
  rows: (site) => (planOf(site).axis === 0 ? 'mixed' : 'rows'),
  // Constant on both sides of the jump.
  vjp: (site, _b, _dy, wanted) => {
    if (wanted[2]) throw unsupported(site, 'has no gradient by its on- and off-values')
    return [undefined, undefined, undefined]
  },
}

function planOf(site: Site, depthInput?: NdArray): { axis: number; outDims: Shape } {
  const { dims } = site.input(0)
  site.input(1)
  const depth = (depthInput ?? site.constant(1))?.data[0]
  if (depth === undefined) throw unsupported(site, 'computes its depth from the data')
  const given = site.int('axis', -1)
  const axis = given < 0 ? given + dims.length + 1 : given
  if (axis < 0 || axis > dims.length) throw invalid(site, `has axis ${given} for indices of rank ${dims.length}`)
  return { axis, outDims: [...dims.slice(0, axis), Math.trunc(depth), ...dims.slice(axis)] }
}
