import type { NdArray } from '../onnx/ir.ts'
import { sizeOf } from './dims.ts'
import { firstLargest, maxima } from './maxima.ts'
import { zeros } from './movement.ts'
import type { Operator, Site } from './operator.ts'
import { overWindows, slidingWindows } from './pool.ts'
import { maxMultiplicity, type WindowGeometry } from './windows.ts'

const room = maxima(slidingWindows)

/** The largest element of each window, and on request its position; padding never wins. */
export const MaxPool: Operator = {
  type: 'MaxPool',
  ...room,
  shape: (site) => {
    const values = room.shape(site)[0]
    return site.node.outputs.length > 1 ? [values, { type: 'int64', dims: values.dims }] : [values]
  },
  evaluate: (site, inputs) => {
    const values = room.evaluate(site, inputs)
    return site.node.outputs.length > 1 ? [values[0], positions(site, inputs[0]!)] : values
  },
  // The positions are flat over the whole tensor; windows that overlap may choose the same element.
  vjp: (site, b, [dy]) => {
    if (!dy) return [undefined]
    const { name, dims } = site.input(0)
    const geometry = slidingWindows(site, dims)
    const [, indices] = b.nodes('MaxPool', [name], 2, attributesOf(site, geometry))
    const flat = (value: string) => b.node('Reshape', [value, b.indices([-1])])
    const scattered = b.node('ScatterElements', [zeros(b, [sizeOf(dims)]), flat(indices), flat(dy)], {
      axis: 0,
      ...(maxMultiplicity(geometry) > 1 ? { reduction: 'add' } : {}),
    })
    return [b.node('Reshape', [scattered, b.indices(dims)])]
  },
}

function attributesOf(site: Site, geometry: WindowGeometry) {
  return {
    kernel_shape: geometry.kernel,
    strides: geometry.strides,
    dilations: geometry.dilations,
    pads: [...geometry.padsBegin, ...geometry.padsEnd],
    ceil_mode: site.int('ceil_mode', 0),
  }
}

/** Flat over [batch, channels, ...spatial]; with storage_order 1 the spatial axes count column-major. */
function positions(site: Site, x: NdArray): NdArray {
  const geometry = slidingWindows(site, x.dims)
  const { spatial, output } = geometry
  const columnMajor = site.int('storage_order', 0) === 1
  const data = overWindows(x.data, x.dims, geometry, (values, base, cells, from, to) => {
    const at = firstLargest(values, base, cells, from, to)
    return base + (columnMajor ? turned(at, spatial) : at)
  })
  return { type: 'int64', dims: [x.dims[0], x.dims[1], ...output], data }
}

/** A row-major position within a map as a column-major one. */
function turned(position: number, spatial: readonly number[]): number {
  let rest = position
  let result = 0
  for (let axis = spatial.length - 1; axis >= 0; axis--) {
    const coordinate = rest % spatial[axis]
    rest = (rest - coordinate) / spatial[axis]
    result += coordinate * sizeOf(spatial.slice(0, axis))
  }
  return result
}
