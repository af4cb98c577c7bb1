/**
 * Line charts as inline SVG: coloured by the page's style sheet, so that they follow light and dark.
 * @module
 */
import { type Markup, markup } from './markup.ts'

export interface Series {
  readonly name: string
  /** In increasing x. */
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly dashed?: boolean
}

export interface ChartOptions {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  /** Fixed range of y; default that of the points. */
  readonly yRange?: readonly [number, number]
  readonly yPercent?: boolean
  /** Across the whole page instead of half of it. */
  readonly wide?: boolean
}

const SIZES = { half: [440, 280], wide: [1000, 320] } as const
const MARGIN = { left: 54, right: 14, top: 12, bottom: 42 }

/** About `count` round numbers that cover [low, high]. */
export function ticks(low: number, high: number, count: number): readonly number[] {
  const rough = (high - low) / count
  if (!(rough > 0)) return [low]
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((m) => m * power).find((candidate) => candidate >= rough)!
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

const label = (value: number) => String(Number(value.toPrecision(4)))

/** A chart with axes, grid and legend; nothing when there is no point. */
export function lineChart(options: ChartOptions): Markup {
  const all = options.series
    .flatMap((series) => series.points)
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  if (all.length === 0) return markup``
  const [width, height] = SIZES[options.wide ? 'wide' : 'half']
  const xs = all.map(([x]) => x)
  const ys = all.map(([, y]) => y)
  const [left, right] = [Math.min(...xs), Math.max(...xs)]
  const xHigh = right > left ? right : left + 1
  const rough = options.yRange ?? [Math.min(...ys), Math.max(...ys)]
  const pad = options.yRange ? 0 : (rough[1] - rough[0] || Math.abs(rough[0]) || 1) * 0.06
  const [yLow, yHigh] = [rough[0] - pad, rough[1] + pad]
  const px = (x: number) => MARGIN.left + ((x - left) / (xHigh - left)) * (width - MARGIN.left - MARGIN.right)
  const py = (y: number) =>
    height - MARGIN.bottom - ((y - yLow) / (yHigh - yLow)) * (height - MARGIN.top - MARGIN.bottom)
  const at = (value: number) => value.toFixed(1)
  const bottom = height - MARGIN.bottom
  const rows = ticks(yLow, yHigh, 5).map(
    (y) =>
      markup`<line class="grid" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${at(py(y))}" y2="${at(py(y))}"/><text x="${MARGIN.left - 8}" y="${at(py(y) + 4)}" text-anchor="end">${options.yPercent ? `${label(100 * y)} %` : label(y)}</text>`,
  )
  // There is no half of an epoch.
  const places = ticks(left, xHigh, options.wide ? 8 : 5).filter((x) => options.x !== 'epoch' || Number.isInteger(x))
  const columns = places.map(
    (x) =>
      markup`<line class="axis" x1="${at(px(x))}" x2="${at(px(x))}" y1="${bottom}" y2="${bottom + 4}"/><text x="${at(px(x))}" y="${bottom + 18}" text-anchor="middle">${label(x)}</text>`,
  )
  const lines = options.series.map((series, i) => {
    const finite = series.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    // One point makes no line.
    const [only, next] = finite
    if (only && !next)
      return markup`<circle class="s${i % 4}" cx="${at(px(only[0]))}" cy="${at(py(only[1]))}" r="3.5"/>`
    const path = finite.map(([x, y], n) => `${n === 0 ? 'M' : 'L'}${at(px(x))} ${at(py(y))}`).join('')
    return markup`<path class="s${i % 4}${series.dashed ? ' dashed' : ''}" d="${path}"><title>${series.name}</title></path>`
  })
  const legend = options.series.map(
    (series, i) => markup`<span><i class="s${i % 4}${series.dashed ? ' dashed' : ''}"></i>${series.name}</span>`,
  )
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${options.title}">${rows}<line class="axis" x1="${MARGIN.left}" x2="${width - MARGIN.right}" y1="${bottom}" y2="${bottom}"/>${columns}${lines}<text x="${(MARGIN.left + width - MARGIN.right) / 2}" y="${height - 6}" text-anchor="middle">${options.x}</text></svg><div class="legend">${legend}</div>`
}
