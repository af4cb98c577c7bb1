import { LipError } from '../errors.ts'
import { provesRowsAlike } from '../graph/alike-rows.ts'
import { prepare } from '../graph/prepare.ts'
import type { Program } from '../graph/program.ts'
import { provesRowIndependence } from '../graph/rows.ts'
import type { Model, Shape } from '../onnx/ir.ts'

export interface RowCheck {
  /** Why what is proved for one sample is not proved for a sample in a batch; undefined when it is. */
  readonly reason: string | undefined
  /** Rows that one run may have: many, or what the file fixes. */
  readonly batch: number
}

/** A run of many samples; more rows gain nothing on a CPU. */
const MANY = 64
/** Elements of all tensors together that the check of a large batch may hold. */
const MOST_ELEMENTS = 4e6

/**
 * Whether every row of a batch is computed from its sample alone, and as it would be alone, so that one sample's proof holds
 * for every sample of a run: at batches of 2 and 3, and at the batch that runs. A file that can only run one sample at a
 * time has nothing to prove.
 */
export function checkRows(model: Model, inputShapes: Readonly<Record<string, Shape>> = {}): RowCheck {
  try {
    const pair = prepare(model, { batch: 2, inputShapes })
    if (pair.batch === 1) return { reason: undefined, batch: 1 }
    const one = prepare(model, { batch: 1, inputShapes })
    // A batch that the file fixes is what the bound is about.
    const isOpen = one.batch === 1
    const dependent = dependence(isOpen ? one : undefined, pair)
    if (!dependent && !isOpen) return { reason: undefined, batch: pair.batch }
    if (!dependent) {
      const most = Math.max(4, Math.min(MANY, Math.floor(MOST_ELEMENTS / elementsOf(one))))
      for (const batch of [3, most]) {
        const later = dependence(one, prepare(model, { batch, inputShapes }))
        if (later) return { reason: later, batch: 1 }
      }
      return { reason: undefined, batch: most }
    }
    // What is refused is reported as such.
    if (pair.refused.length > 0) return { reason: undefined, batch: 1 }
    return { reason: dependent, batch: isOpen ? 1 : pair.batch }
  } catch (error) {
    if (!(error instanceof LipError)) throw error
    return {
      reason: `The model declares an open batch but cannot be analysed as one: ${error.message}`,
      batch: 1,
    }
  }
}

/** Why the rows of `many` are not `one` again and again; undefined when they are. */
function dependence(one: Program | undefined, many: Program): string | undefined {
  const found = provesRowIndependence(many)
  if (found.independent && !one) return undefined
  const alike = found.independent ? provesRowsAlike(one!, many) : found
  if (alike.independent) return undefined
  const where = alike.node === undefined ? '' : ` at '${alike.node}'`
  return `The rows of a batch are not proved independent${where}${alike.reason ? `: ${alike.reason}` : ''}.`
}

function elementsOf({ nodes }: Program): number {
  let total = 1
  for (const { site } of nodes)
    for (const { dims } of site.outputs) total += dims.reduce((product, dim) => product * dim, 1)
  return total
}
