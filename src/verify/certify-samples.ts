import { LipError } from '../errors.ts'
import type { Conformance } from '../gate/gates.ts'
import type { Analysis } from '../lipschitz/analyse.ts'
import { certify, type Sample } from '../lipschitz/certify.ts'
import { checkConformance } from '../lipschitz/conformance.ts'
import { ledgerOf } from '../lipschitz/ledger.ts'
import { vectorNormUpper } from '../lipschitz/norms/index.ts'
import type { CertificateReport, Report } from '../report/report.ts'
import type { Executed } from './execute.ts'
import type { Samples } from './samples.ts'

type Rows = Pick<Samples, 'data' | 'indices'>

/** Executed rows as the proof takes them. */
function* rowsOf({ data, indices }: Rows, { rows, width }: Executed): Generator<Sample> {
  for (const [row, index] of indices.entries()) {
    const logits = rows.subarray(row * width, (row + 1) * width)
    yield { logits, inputNorm: vectorNormUpper(data.image(index)), label: data.label(index), index }
  }
}

/**
 * Certifies every executed row.
 * @throws LipError MODEL_UNSUPPORTED where the model gives no numbers: nothing can be certified about such a network
 */
export function certifySamples(analysis: Analysis, samples: Rows, executed: Executed): readonly CertificateReport[] {
  return Array.from(rowsOf(samples, executed), (sample) => {
    const broken = Array.from(sample.logits).find((value) => !Number.isFinite(value))
    if (broken !== undefined) {
      throw new LipError(
        'MODEL_UNSUPPORTED',
        `The model gives ${broken} for sample ${sample.index}, which is no number.`,
      )
    }
    return certify(analysis, sample)
  })
}

/** Mean radius after each step of the argument; empty where nothing is proved. */
export function ledgerOfRun(analysis: Analysis, samples: Rows, executed: Executed): Report['ledger'] {
  return analysis.proof ? ledgerOf(analysis, rowsOf(samples, executed)) : []
}

/**
 * Holds some samples, spread evenly, against the float64 meaning of the graph; undefined where there is nothing to hold.
 * @param limit how many: the float64 evaluation takes milliseconds each
 */
export function conform(analysis: Analysis, samples: Rows, executed: Executed, limit: number): Conformance | undefined {
  if (!analysis.proof) return undefined
  const { data, indices } = samples
  const { rows, width } = executed
  const count = Math.min(limit, indices.length)
  const chosen = Array.from({ length: count }, (_, k) => {
    const row = Math.floor((k * indices.length) / count)
    const index = indices[row]!
    return { index, input: data.image(index), logits: rows.subarray(row * width, (row + 1) * width) }
  })
  const { checked, worstRatio, violations } = checkConformance(analysis, chosen)
  if (checked === 0) return undefined
  const [first] = violations
  return {
    samples: checked,
    // A difference that is no number is in the list and in no ratio.
    worstRatio: first && !(worstRatio > 1) ? Number.POSITIVE_INFINITY : worstRatio,
    ...(first && { worst: { index: first.index, logit: first.logit } }),
  }
}
