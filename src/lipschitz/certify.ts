/**
 * L2 certificates of single samples, for the network as executed (docs/soundness.md 11).
 *
 * With executed logits m, real margins are at least m_ij - E_ij(|x|). At x' with |x' - x| <= r the real margin has lost at
 * most L_ij r, and the executed one E_ij(|x| + r) more, so class i still wins strictly where
 *   r < (m_ij - 2 E_ij(|x|)) / (L_ij + slope_ij),  E_ij(R) = constant_ij + slope_ij R.
 * The radius is the smallest over all j, rounded down.
 * @module
 */
import { LipError } from '../errors.ts'
import type { CertificateReport } from '../report/report.ts'
import type { Analysis, Proof } from './analyse.ts'
import type { ErrorForm } from './rounding-error.ts'

export interface Sample {
  /** One row of executed float32 logits. */
  readonly logits: ArrayLike<number>
  /** |x|, rounded up. */
  readonly inputNorm: number
  readonly label: number
  readonly index: number
}

/** Radius after each step of the argument, for the ledger; the last is the certificate. */
export interface Steps {
  /** (top1 - top2) / 2: valid only where every logit is 1-Lipschitz. */
  readonly seed: number
  /** The same with the proved constants of the single logits. */
  readonly norms: number
  /** With the constants of differences of two logits. */
  readonly pairs: number
  /** With the rounding of the executed network. */
  readonly final: number
  readonly rule: string
}

const DOWN = 1 - 2 ** -40
const UP = 1 + 2 ** -40

/**
 * @throws LipError DATA_INVALID when a logit is not a number or the row has the wrong length
 */
export function certify(analysis: Analysis, sample: Sample): CertificateReport {
  const { logits, label, index, inputNorm } = sample
  check(analysis, sample)
  const predicted = predict(logits)
  const margin = marginOf(logits, predicted)
  const steps = stepsOf(analysis, sample)
  const truth = logits.length === 1 ? (label > 0 ? 1 : 0) : label
  const radius = predicted === truth && Number.isFinite(inputNorm) ? steps.final : 0
  const size = Math.max(1, analysis.inputSize)
  return {
    index,
    label,
    predicted,
    margin,
    radius,
    seedRadius: steps.seed,
    // |d|_2 <= |d|_1, and |d|_2 <= sqrt(n) |d|_inf.
    radiusL1: radius,
    radiusLinf: (radius / Math.sqrt(size)) * DOWN,
    rule: steps.rule,
  }
}

/** The class of a row: the largest logit, the first of equals; for one logit 1 where it is positive, else 0. */
export function predict(logits: ArrayLike<number>): number {
  if (logits.length === 1) return logits[0]! > 0 ? 1 : 0
  let best = 0
  for (let k = 1; k < logits.length; k++) if (logits[k]! > logits[best]!) best = k
  return best
}

/** Radii of a sample for the class that it is given, right or wrong. */
export function stepsOf(analysis: Analysis, sample: Sample): Steps {
  const { logits, inputNorm } = sample
  const predicted = predict(logits)
  const margin = marginOf(logits, predicted)
  const binary = logits.length === 1
  const seed = binary ? margin : margin / 2
  const { proof } = analysis
  if (!proof || !(margin > 0)) return { seed, norms: 0, pairs: 0, final: 0, rule: proof ? 'tie' : 'none' }
  const { norms, pairs, final } = binary
    ? alone(proof, margin, inputNorm)
    : against(proof, logits, predicted, inputNorm)
  // Outside the domain in which nothing can overflow there is no certificate.
  const room = (proof.largestNorm - inputNorm) * DOWN
  return { seed, norms, pairs, final: Math.max(0, Math.min(final, room)), rule: binary ? 'logit' : 'pair' }
}

type Radii = Pick<Steps, 'norms' | 'pairs' | 'final'>

/** One logit: its sign changes no nearer than |f| / L. */
function alone({ outputs, logitErrors }: Proof, margin: number, inputNorm: number): Radii {
  const constant = outputs.logits[0]!
  const norms = (margin / constant) * DOWN
  return { norms, pairs: norms, final: radius(margin, constant, logitErrors.single(0), inputNorm) }
}

function against({ outputs, logitErrors }: Proof, logits: ArrayLike<number>, i: number, inputNorm: number): Radii {
  let norms = Number.POSITIVE_INFINITY
  let pairs = Number.POSITIVE_INFINITY
  let final = Number.POSITIVE_INFINITY
  for (let j = 0; j < logits.length; j++) {
    if (j === i) continue
    // A difference of two float32 is not always a float64.
    const margin = (logits[i]! - logits[j]!) * (1 - 2 ** -52)
    norms = Math.min(norms, (margin / (outputs.logits[i]! + outputs.logits[j]!)) * DOWN)
    pairs = Math.min(pairs, (margin / outputs.pair(i, j)) * DOWN)
    final = Math.min(final, radius(margin, outputs.pair(i, j), logitErrors.pair(i, j), inputNorm))
  }
  return { norms, pairs, final }
}

function radius(margin: number, constant: number, error: ErrorForm, inputNorm: number): number {
  const spent = 2 * (error.constant + error.slope * inputNorm * UP) * UP
  const left = margin * (1 - 2 ** -50) - spent
  // NaN and infinities end here as well.
  if (!(left > 0) || !(constant + error.slope < Number.POSITIVE_INFINITY)) return 0
  const found = (left / ((constant + error.slope) * UP)) * DOWN
  // A network that does not depend on its input: any radius; the domain without overflow limits it.
  return Number.isFinite(found) ? found : Number.MAX_VALUE
}

function marginOf(logits: ArrayLike<number>, predicted: number): number {
  if (logits.length === 1) return Math.abs(logits[0]!)
  let second = Number.NEGATIVE_INFINITY
  for (let k = 0; k < logits.length; k++) if (k !== predicted) second = Math.max(second, logits[k]!)
  return logits[predicted]! - second
}

function check(analysis: Analysis, { logits, index }: Sample): void {
  if (analysis.everySize) throw new Error('an analysis for every size certifies no sample: fix the size')
  if (analysis.proof && logits.length !== analysis.classes)
    throw new LipError(
      'DATA_INVALID',
      `Sample ${index} has ${logits.length} logits where the model has ${analysis.classes}.`,
    )
  for (let k = 0; k < logits.length; k++)
    if (!Number.isFinite(logits[k]!))
      throw new LipError(
        'DATA_INVALID',
        `Logit ${k} of sample ${index} is ${logits[k]}: the model does not give numbers here.`,
      )
}
