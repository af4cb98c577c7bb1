import type { CertificateReport, Report } from '../report/report.ts'

/** Radii that papers report (36/255, 72/255 and 108/255 rounded up to four places) and round ones. */
export const USUAL_RADII: readonly number[] = [0.1412, 0.25, 0.2824, 0.4236, 0.5, 1]

const isCorrect = (sample: CertificateReport) => sample.predicted === sample.label

/** Mean and median over the correctly classified, accuracy over all. */
export function summariseCertificates(
  samples: readonly CertificateReport[],
  radii: readonly number[] = USUAL_RADII,
): NonNullable<Report['certificates']> {
  const correct = samples.filter(isCorrect)
  const sorted = correct.map((sample) => sample.radius).sort((a, b) => a - b)
  const middle = sorted.length / 2
  const median = sorted.length === 0 ? 0 : (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
  const mean = (values: readonly number[]) =>
    values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length
  const share = (radius: number) =>
    samples.length === 0 ? 0 : correct.filter((sample) => sample.radius >= radius).length / samples.length
  return {
    count: samples.length,
    correct: correct.length,
    mean: mean(sorted),
    median,
    meanSeedRadius: mean(correct.map((sample) => sample.seedRadius)),
    certifiedAccuracy: Object.fromEntries(
      [...radii].sort((a, b) => a - b).map((radius) => [String(radius), share(radius)]),
    ),
    samples,
  }
}
