/**
 * The sentences that every format shares: what the verdict is about, in words.
 * @module
 */
import { showBound, showBracket, showLimit, showRadius, showShare } from './format-number.ts'
import type { Report, Verdict } from './report.ts'

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  pass: 'Pass',
  violated: 'Violated',
  inconclusive: 'Inconclusive',
  timeout: 'Out of time',
  alarm: 'Soundness alarm',
}

/** The verdict in words; a pass that waivers made says so. */
export function verdictWords({ verdict, gates }: Pick<Report, 'verdict' | 'gates'>): string {
  const waived = gates.filter(({ status }) => status === 'waived').length
  const words = VERDICT_WORDS[verdict]
  return waived === 0 || verdict !== 'pass' ? words : `${words}, ${waived} finding${waived > 1 ? 's' : ''} waived`
}

const SUBJECT: Readonly<Record<Report['lipschitz']['of'], string>> = {
  logit: 'every output',
  features: 'the feature map',
  joint: 'all outputs together',
  pair: 'every difference of two outputs',
}

/** One sentence about the bound. */
export function boundSentence({ lipschitz }: Report): string {
  const { of, threshold } = lipschitz
  const bound = lipschitz[of]
  const subject = SUBJECT[of]
  if (bound.upper !== null && bound.upper <= threshold) {
    return `Proved: ${subject} is ${showBound(bound.upper, 'upper')}-Lipschitz (L2), within the limit ${showLimit(threshold)}.`
  }
  if (bound.lower > threshold) {
    return `Disproved: the Lipschitz constant of ${subject} is at least ${showBound(bound.lower, 'lower')}, above the limit ${showLimit(threshold)}.`
  }
  if (bound.upper === null)
    return `Not proved: no bound of ${subject} is known; it is at least ${showBound(bound.lower, 'lower')}.`
  return `Not proved: the Lipschitz constant of ${subject} lies in ${showBracket(bound)}, and the limit is ${showLimit(threshold)}.`
}

/** One sentence about the certificates; undefined when no data was given. */
export function certificateSentence({ certificates }: Report): string | undefined {
  if (!certificates) return undefined
  const { count, correct, mean, median } = certificates
  if (count === 0) return 'No sample was certified.'
  return `${count} samples: accuracy ${showShare(correct / count)}, certified L2 radius mean ${showRadius(mean)}, median ${showRadius(median)}.`
}

/** True when the seed's rule (top1 - top2) / 2 is a certificate too: every logit is proved 1-Lipschitz. */
export function seedRuleHolds({ lipschitz }: Report): boolean {
  return lipschitz.logit.upper !== null && lipschitz.logit.upper <= 1
}

/** Certified accuracy by increasing radius (JavaScript puts integer keys first, whatever the order written). */
export function accuracyByRadius(
  certificates: NonNullable<Report['certificates']>,
): readonly (readonly [string, number])[] {
  return Object.entries(certificates.certifiedAccuracy).sort(([a], [b]) => Number(a) - Number(b))
}

/** The seed's rule in a formula: of one output it is the size, which is the distance to the other sign. */
export const seedRule = ({ model }: Pick<Report, 'model'>): string =>
  model.output?.dims.at(-1) === 1 ? '|output|' : '(top1 - top2) / 2'

const LEDGER_WORDS: Readonly<Record<string, string>> = {
  'proved-norms': 'proved norms of single outputs',
  'pair-norms': 'proved norms of differences',
  'floating-point': 'rounding of the executed network paid',
}

/** A step of the ledger in words. */
export const ledgerWords = (step: string, report: Pick<Report, 'model'>): string =>
  step === 'seed' ? `seed rule: ${seedRule(report)}` : (LEDGER_WORDS[step] ?? step)

/** Who ran the network, and with which arithmetic. */
export const ranOn = ({ runtime: { provider, profile } }: Pick<Report, 'runtime'>): string =>
  provider === 'none' ? 'Nothing was run' : `Ran on ${provider}, numeric profile ${profile}`
