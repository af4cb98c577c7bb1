/**
 * The output over the plane: colours, level lines and the samples, as deel-lip's demo of two moons draws them.
 * @module
 */
import { encode } from 'fast-png'
import type { PlaneReport, Report } from '../report.ts'
import { ticks } from './chart.ts'
import { levelLines } from './level-lines.ts'
import { type Markup, markup } from './markup.ts'

const WIDTH = 640
const MARGIN = { left: 46, right: 12, top: 10, bottom: 40 }
/** Level lines beside the one at zero: about so many. */
const LEVELS = 16

/** Negative, positive: the colours of the first two series. */
const ENDS = [
  [180, 99, 42],
  [47, 95, 179],
] as const

/** The field as a picture, row 0 on top: one colour a sign, the stronger the further from zero. */
function heat({ columns, rows, values }: PlaneReport): string {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1
  const data = new Uint8Array(columns * rows * 4)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[(rows - 1 - row) * columns + column]!
      data.set([...ENDS[value > 0 ? 1 : 0], Math.round((210 * Math.abs(value)) / most)], 4 * (row * columns + column))
    }
  }
  const png = encode({ width: columns, height: rows, channels: 4, depth: 8, data })
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
}

const short = (value: number) => String(Number(value.toPrecision(4)))

/** The whole drawing with its legend. */
export function planeDrawing({ plane, dataset }: Report): Markup {
  if (!plane) return markup``
  const { x, y, columns, rows, values, points } = plane
  const inner = WIDTH - MARGIN.left - MARGIN.right
  const height = Math.round(
    Math.min(620, Math.max(220, (inner * (y[1] - y[0])) / (x[1] - x[0]))) + MARGIN.top + MARGIN.bottom,
  )
  const bottom = height - MARGIN.bottom
  const px = (at: number) => MARGIN.left + ((at - x[0]) / (x[1] - x[0])) * inner
  const py = (at: number) => bottom - ((at - y[0]) / (y[1] - y[0])) * (bottom - MARGIN.top)
  const place = (column: number, row: number) =>
    `${px(x[0] + ((x[1] - x[0]) * column) / (columns - 1)).toFixed(1)} ${py(y[0] + ((y[1] - y[0]) * row) / (rows - 1)).toFixed(1)}`
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const levels = [...new Set([...ticks(low, high, LEVELS), 0])].map((level) => Number(level.toPrecision(6)))
  const lines = levels.map((level) => {
    const d = levelLines(plane, level)
      .map(([a, b]) => `M${place(...a)}L${place(...b)}`)
      .join('')
    return (
      d && markup`<path class="level${level === 0 ? ' zero' : ''}" d="${d}"><title>f = ${short(level)}</title></path>`
    )
  })
  const dots = points.map(
    ([across, up, label]) =>
      markup`<circle class="dot d${label === 0 ? 0 : 1}" cx="${px(across).toFixed(1)}" cy="${py(up).toFixed(1)}" r="2.6"/>`,
  )
  const scale = [
    ...ticks(x[0], x[1], 6).map(
      (at) => markup`<text x="${px(at).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${short(at)}</text>`,
    ),
    ...ticks(y[0], y[1], 5).map(
      (at) => markup`<text x="${MARGIN.left - 8}" y="${(py(at) + 4).toFixed(1)}" text-anchor="end">${short(at)}</text>`,
    ),
  ]
  const step = levels.length > 2 ? Math.abs(levels[1]! - levels[0]!) : 0
  const names = [0, 1].map(
    (label) => markup`<span><i class="dot d${label}"></i>${dataset?.classes?.[label] ?? `class ${label}`}</span>`,
  )
  return markup`<svg class="chart figure" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Output of the network over the plane"><image href="${heat(plane)}" x="${MARGIN.left}" y="${MARGIN.top}" width="${inner}" height="${bottom - MARGIN.top}" preserveAspectRatio="none"/>${lines}${dots}${scale}<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${height - 6}" text-anchor="middle">first input</text></svg><div class="legend">${names}<span>line: f = 0</span>${step > 0 && markup`<span>thin lines: every ${short(step)}</span>`}</div>`
}
