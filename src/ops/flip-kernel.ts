import { sizeOf } from './dims.ts'

/**
 * W'[c, o] = W[o, c] turned by 180 degrees, group by group: the kernel of the adjoint of a stride-1 convolution.
 * @param dims `[groups * outputs, inputs, ...kernel]`
 * @returns `[groups * inputs, outputs, ...kernel]`
 */
export function flipKernel(data: Float64Array, dims: readonly number[], groups: number): Float64Array<ArrayBuffer> {
  const taps = sizeOf(dims.slice(2))
  const [outputs, inputs] = [dims[0] / groups, dims[1]]
  const result = new Float64Array(data.length)
  for (let g = 0; g < groups; g++)
    for (let o = 0; o < outputs; o++)
      for (let c = 0; c < inputs; c++) {
        const from = ((g * outputs + o) * inputs + c) * taps
        const to = ((g * inputs + c) * outputs + o) * taps
        for (let t = 0; t < taps; t++) result[to + t] = data[from + taps - 1 - t]
      }
  return result
}
