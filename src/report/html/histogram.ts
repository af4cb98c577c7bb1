/**
 * How the one output of a binary network is spread over the samples of each class, as deel-lip's demo of 0 against 8 shows it.
 * @module
 */
import type { Report } from '../report.ts'
import { ticks } from './chart.ts'
import { type Markup, markup } from './markup.ts'

const [WIDTH, HEIGHT] = [640, 280]
const MARGIN = { left: 46, right: 12, top: 12, bottom: 42 }
const BINS = 40

/** The output of every sample with its label; undefined where the network has more outputs than one. */
function outputs({ certificates, model }: Report): readonly (readonly [label: number, value: number])[] | undefined {
  if (!certificates || certificates.count === 0 || model.output?.dims.at(-1) !== 1) return undefined
  // The margin of one output is its size, and its sign is the class.
  return certificates.samples.map(({ label, predicted, margin }) => [
    label > 0 ? 1 : 0,
    predicted > 0 ? margin : -margin,
  ])
}

/** True where there is something to draw. */
export const isBinary = (report: Report): boolean => outputs(report) !== undefined

export function outputHistogram(report: Report): Markup {
  const found = outputs(report)
  if (!found) return markup``
  const values = found.map(([, value]) => value)
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)]
  const width = (high - low || 1) / BINS
  const bins = [0, 1].map((wanted) => {
    const counts = new Array<number>(BINS).fill(0)
    for (const [label, value] of found) {
      if (label === wanted) counts[Math.min(BINS - 1, Math.floor((value - low) / width))]!++
    }
    return counts
  })
  const most = Math.max(...bins.flat(), 1)
  const bottom = HEIGHT - MARGIN.bottom
  const px = (x: number) => MARGIN.left + ((x - low) / (BINS * width)) * (WIDTH - MARGIN.left - MARGIN.right)
  const py = (count: number) => bottom - (count / most) * (bottom - MARGIN.top)
  const bars = bins.map((counts, label) =>
    counts.map(
      (count, k) =>
        count > 0 &&
        markup`<rect class="stack b${label}" x="${px(low + k * width).toFixed(1)}" y="${py(count).toFixed(1)}" width="${(px(low + width) - px(low) - 0.6).toFixed(1)}" height="${(bottom - py(count)).toFixed(1)}"/>`,
    ),
  )
  const across = ticks(low, high, 8).map(
    (x) =>
      markup`<text x="${px(x).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${Number(x.toPrecision(4))}</text>`,
  )
  const up = ticks(0, most, 4)
    .filter(Number.isInteger)
    .map(
      (y) =>
        markup`<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${py(y).toFixed(1)}" y2="${py(y).toFixed(1)}"/><text x="${MARGIN.left - 8}" y="${(py(y) + 4).toFixed(1)}" text-anchor="end">${y}</text>`,
    )
  const names = [0, 1].map(
    (label) => markup`<span><i class="b${label}"></i>${report.dataset?.classes?.[label] ?? `class ${label}`}</span>`,
  )
  return markup`<svg class="chart figure" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Outputs by class">${up}${bars}<line class="axis" x1="${px(0).toFixed(1)}" x2="${px(0).toFixed(1)}" y1="${MARGIN.top}" y2="${bottom}"/><line class="axis" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${bottom}" y2="${bottom}"/>${across}<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">output</text></svg><div class="legend">${names}</div>`
}
