/**
 * Inputs whose height, width or length is open in the file: two sizes that stand for all of them. What differs between the two
 * programs is open; what is proved from it is the business of every-size.
 * @module
 */
import { LipError } from '../errors.ts'
import { prepare } from '../graph/prepare.ts'
import type { Program } from '../graph/program.ts'
import type { Model, Shape } from '../onnx/ir.ts'

export interface Witnesses {
  /** The program at the smaller sizes; its bounds are the ones reported. */
  readonly here: Program
  readonly there: Program
  readonly inputShapes: Readonly<Record<string, Shape>>
  /** What the file calls the sizes of `here`. */
  readonly names: ReadonlyMap<number, string>
}

/** Sizes of the open dimensions, in units that grow until every pooling, crop and sum of branches fits. */
const UNITS = [4, 8, 16, 32]
const HERE = [2, 3, 5, 7]
const THERE = [4, 5, 7, 9]

/** @returns undefined when no dimension but the batch is open, or no two sizes fit the graph */
export function openWitnesses(model: Model, inputShapes: Readonly<Record<string, Shape>> = {}): Witnesses | undefined {
  const symbols = new Map<string, number>()
  const open = model.graph.inputs.filter(({ name, dims }) => {
    if (model.graph.initializers.has(name) || inputShapes[name] || !dims) return false
    const free = dims.flatMap((dim, axis) => (axis > 0 && typeof dim !== 'number' ? [dim ?? `${name} ${axis}`] : []))
    for (const symbol of free) if (!symbols.has(symbol)) symbols.set(symbol, symbols.size)
    return free.length > 0
  })
  if (open.length === 0 || symbols.size > HERE.length) return undefined
  const at = (sizes: readonly number[], unit: number): Record<string, Shape> => {
    const shapes: Record<string, Shape> = { ...inputShapes }
    for (const { name, dims } of open)
      shapes[name] = dims!.map((dim, axis) => {
        if (axis === 0) return typeof dim === 'number' ? dim : 1
        return typeof dim === 'number' ? dim : sizes[symbols.get(dim ?? `${name} ${axis}`)!]! * unit
      })
    return shapes
  }
  for (const unit of UNITS) {
    const [inner, outer] = [at(HERE, unit), at(THERE, unit)]
    const here = attempt(() => prepare(model, { batch: 1, inputShapes: inner }))
    const there = here && attempt(() => prepare(model, { batch: 1, inputShapes: outer }))
    if (here && there && here.nodes.length === there.nodes.length) {
      const names = new Map([...symbols].map(([symbol, k]) => [HERE[k]! * unit, symbol.includes(' ') ? '?' : symbol]))
      return { here, there, inputShapes: inner, names }
    }
  }
  return undefined
}

/** Sizes that do not fit make a graph that is none. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof LipError && error.code !== 'USAGE') return undefined
    throw error
  }
}
