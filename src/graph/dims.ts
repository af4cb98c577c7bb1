import { LipError } from '../errors.ts'
import type { Model } from '../onnx/ir.ts'
import { prepare } from './prepare.ts'
import type { PrepareOptions } from './program.ts'

/** A dimension for people: a size, or how it grows with the batch ('N', '2*N', '1 + 3*N'). */
export type ShownDim = number | string

/**
 * Shapes of all known tensors with the batch as 'N', found by preparing the model at two sizes. For display only: nothing is
 * proved with them.
 */
export function shownShapes(
  model: Model,
  options: Omit<PrepareOptions, 'batch'> = {},
): ReadonlyMap<string, readonly ShownDim[]> {
  const two = prepare(model, { ...options, batch: 2 })
  const three = attempt(() => prepare(model, { ...options, batch: 3 }))
  return new Map(
    [...two.values].map(([name, { dims }]): [string, readonly ShownDim[]] => {
      const other = three?.values.get(name)?.dims
      if (!other || other.length !== dims.length) return [name, dims]
      return [name, dims.map((dim, axis) => showDim(dim, other[axis]!))]
    }),
  )
}

/** The line through (2, atTwo) and (3, atThree). */
function showDim(atTwo: number, atThree: number): ShownDim {
  const slope = atThree - atTwo
  if (slope === 0) return atTwo
  const rest = atTwo - 2 * slope
  const product = slope === 1 ? 'N' : `${slope}*N`
  return rest === 0 ? product : `${rest} + ${product}`
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof LipError) return undefined
    throw error
  }
}
