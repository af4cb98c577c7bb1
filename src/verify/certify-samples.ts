import { LipError } from '../errors.ts'
import type { Analysis } from '../lipschitz/analyse.ts'
import { certify, stepsOf } from '../lipschitz/certify.ts'
import type { CertificateReport, Report } from '../report/report.ts'
import { type Executed, normUp } from './execute.ts'
import type { Samples } from './samples.ts'

/** What each step of the argument is called in the ledger. */
const LEDGER = [
  ['seed', 'seed rule (top1 - top2) / 2'],
  ['norms', 'proved norms of single logits'],
  ['pairs', 'proved norms of differences of logits'],
  ['final', 'rounding of the executed network paid'],
] as const

export interface Certified {
  readonly samples: readonly CertificateReport[]
  readonly ledger: Report['ledger']
}

/**
 * Certifies every executed row.
 * @throws LipError MODEL_UNSUPPORTED where the model gives no numbers: nothing can be certified about such a network
 */
export function certifySamples(analysis: Analysis, { data, indices }: Samples, executed: Executed): Certified {
  const { rows, width } = executed
  const totals = { seed: 0, norms: 0, pairs: 0, final: 0 }
  let correct = 0
  const samples = indices.map((index, row) => {
    const logits = rows.subarray(row * width, (row + 1) * width)
    const broken = logits.findIndex((value) => !Number.isFinite(value))
    if (broken >= 0) {
      throw new LipError(
        'MODEL_UNSUPPORTED',
        `The model gives ${logits[broken]} as output ${broken} of sample ${index}, which is no number.`,
      )
    }
    const sample = { logits, inputNorm: normUp(data.image(index)), label: data.label(index), index }
    const certificate = certify(analysis, sample)
    if (certificate.predicted === certificate.label) {
      correct++
      const steps = stepsOf(analysis, sample)
      for (const [key] of LEDGER) totals[key] += steps[key]
    }
    return certificate
  })
  const ledger =
    analysis.proof && correct > 0 ? LEDGER.map(([key, step]) => ({ step, meanRadius: totals[key] / correct })) : []
  return { samples, ledger }
}
