import { LipError } from '../errors.ts'
import { prepare } from '../graph/prepare.ts'
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

/**
 * Whether the rows of a batch are independent, so that one sample's proof holds for every sample of a run. A file that can
 * only run one sample at a time has nothing to prove.
 */
export function checkRows(model: Model, inputShapes: Readonly<Record<string, Shape>> = {}): RowCheck {
  let batch: number
  try {
    const pair = prepare(model, { batch: 2, inputShapes })
    batch = pair.batch
    if (batch === 1) return { reason: undefined, batch: 1 }
    const found = provesRowIndependence(pair)
    if (found.independent) return { reason: undefined, batch: batch === 2 ? MANY : batch }
    // What is refused is reported as such.
    if (pair.refused.length > 0) return { reason: undefined, batch: 1 }
    const where = found.node === undefined ? '' : ` at '${found.node}'`
    return {
      reason: `The rows of a batch are not proved independent${where}${found.reason ? `: ${found.reason}` : ''}.`,
      batch: batch === 2 ? 1 : batch,
    }
  } catch (error) {
    if (!(error instanceof LipError)) throw error
    return {
      reason: `The model declares an open batch but cannot be analysed at a batch of 2: ${error.message}`,
      batch: 1,
    }
  }
}
