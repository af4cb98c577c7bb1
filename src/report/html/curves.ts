import type { AttackReport, Report } from '../report.ts'
import { seedRule, seedRuleHolds } from '../summary.ts'
import { type ChartOptions, lineChart, type Series } from './chart.ts'
import { type Markup, markup } from './markup.ts'

/** Points of a curve: enough for the width of the page. */
const STEPS = 160

/** Share of `count` samples whose value is at least each radius. */
function survival(values: readonly number[], count: number, most: number): readonly (readonly [number, number])[] {
  const sorted = [...values].sort((a, b) => b - a)
  let kept = sorted.length
  return Array.from({ length: STEPS + 1 }, (_, step) => {
    const radius = (most * step) / STEPS
    while (kept > 0 && sorted[kept - 1]! < radius) kept--
    return [radius, kept / count] as const
  })
}

/** The certified-accuracy curve, with the seed's rule and what the attacks left standing beside it. */
export function certifiedCurve(report: Report): Markup {
  const { certificates } = report
  if (!certificates || certificates.count === 0) return markup``
  const correct = certificates.samples.filter((sample) => sample.predicted === sample.label)
  const radii = correct.map((sample) => sample.radius).filter((radius) => radius > 0)
  const distances = attackedDistances(report.attacks)
  const found = distances.filter(Number.isFinite)
  const most = Math.max(...radii, ...found.map((d) => Math.min(d, 4 * Math.max(...radii, 0.25))), 0.05)
  const series: Series[] = [{ name: 'certified', points: survival(radii, certificates.count, most) }]
  const seed = correct.map((sample) => sample.seedRadius)
  series.push({
    name: seedRuleHolds(report)
      ? `seed rule ${seedRule(report)}, also certified`
      : `seed rule ${seedRule(report)}, not certified`,
    points: survival(seed, certificates.count, most),
    dashed: true,
  })
  if (distances.length > 0) {
    series.push({
      name: `left standing by the attacks (${distances.length} samples)`,
      points: survival(distances, distances.length, most),
    })
  }
  const options = {
    title: 'Certified accuracy over the L2 radius',
    x: 'L2 radius',
    y: 'accuracy',
    series,
    yRange: [0, 1],
    yPercent: true,
  } as const
  return inTwoSizes(options)
}

/** Text in a drawing shrinks with it, so a phone gets a drawing of its own. */
function inTwoSizes(options: ChartOptions): Markup {
  const wide = lineChart({ ...options, wide: true })
  return markup`<div class="on-wide">${wide}</div><div class="on-narrow">${lineChart(options)}</div>`
}

/** Accuracy that the attacks left standing: all of them together, and the first few alone. */
export function robustCurve(attacks: readonly AttackReport[]): Markup {
  const all = attackedDistances(attacks)
  const most = Math.max(0.05, ...all.filter(Number.isFinite))
  const points = (distances: readonly number[]) => survival(distances, distances.length, 1.05 * most)
  const alone = attacks.length === 1 ? [] : attacks.slice(0, 3)
  return inTwoSizes({
    title: 'Robust accuracy over the L2 radius',
    x: 'L2 radius',
    y: 'accuracy',
    series: [
      { name: attacks.length === 1 ? attacks[0]!.name : 'all attacks together', points: points(all) },
      ...alone.map((attack) => ({ name: attack.name, points: points(attackedDistances([attack])), dashed: true })),
    ],
    yRange: [0, 1],
    yPercent: true,
  })
}

/** Smallest distance at which any attack changed each attacked sample; 0 misclassified, Infinity never. */
function attackedDistances(attacks: readonly AttackReport[]): readonly number[] {
  const best = new Map<number, number>()
  for (const attack of attacks) {
    for (const { index, status, distance } of attack.samples) {
      const here = status === 'misclassified' ? -1 : (distance ?? Number.POSITIVE_INFINITY)
      best.set(index, Math.min(best.get(index) ?? Number.POSITIVE_INFINITY, here))
    }
  }
  return [...best.values()]
}

/** A known value beside curves that reach for it. */
function levelSeries(name: string, y: number, beside: readonly Series[]): Series {
  const xs = beside.flatMap(({ points }) => points.map(([x]) => x))
  return {
    name,
    points: [
      [Math.min(...xs), y],
      [Math.max(...xs), y],
    ],
    dashed: true,
  }
}

const GROUPS: readonly (readonly [title: string, matches: RegExp, percent: boolean])[] = [
  ['Loss', /^(val_?)?loss$/i, false],
  ['Accuracy', /^(val_?)?acc/i, true],
  ['KR (Kantorovich-Rubinstein)', /kr/i, false],
]

/** Training curves, one chart a quantity, training and validation together. */
export function trainingCurves({ training }: Report): readonly Markup[] {
  if (!training || training.history.length === 0) return []
  const names = [...new Set(training.history.flatMap(Object.keys))].filter((name) => name !== 'epoch')
  return GROUPS.flatMap(([title, matches, yPercent]) => {
    const series = names
      .filter((name) => matches.test(name))
      .map(
        (name): Series => ({
          name: /^val/i.test(name) ? 'validation' : 'training',
          points: training.history.flatMap((epoch, i) => {
            const y = epoch[name]
            return y === undefined ? [] : [[epoch.epoch ?? i + 1, y] as const]
          }),
          dashed: !/^val/i.test(name),
        }),
      )
    if (series.length === 0) return []
    const truth = title.startsWith('KR') ? training.classDistance : undefined
    if (truth !== undefined) series.push(levelSeries(`Wasserstein distance of the classes: ${truth}`, truth, series))
    return [
      markup`<div class="card"><b>${title}</b>${lineChart({ title, x: 'epoch', y: title, series, yPercent })}</div>`,
    ]
  })
}
