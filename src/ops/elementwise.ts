import type { NdArray } from '../onnx/ir.ts'
import type { Operator } from './operator.ts'

/** The fields that every one-input elementwise operator shares: shape, evaluation, row independence. */
export function elementwise(f: (x: number) => number): Pick<Operator, 'shape' | 'evaluate' | 'rows'> {
  return {
    shape: (site) => [{ type: site.input(0).type, dims: site.input(0).dims }],
    evaluate: (_, [x]) => [mapValues(x!, f)],
    rows: () => 'elementwise',
  }
}

/** A new array with f applied to every element. */
export function mapValues(x: NdArray, f: (value: number) => number): NdArray {
  // A plain loop: several times as fast as TypedArray.map.
  const data = new Float64Array(x.data.length)
  for (let i = 0; i < data.length; i++) data[i] = f(x.data[i]!)
  return { type: x.type, dims: x.dims, data }
}
