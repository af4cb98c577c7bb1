import { describe, expect, it } from 'vitest'
import { trainingCurves } from '../../src/report/html/curves.ts'
import { outputHistogram } from '../../src/report/html/histogram.ts'
import { levelLines } from '../../src/report/html/level-lines.ts'
import { planeDrawing } from '../../src/report/html/plane.ts'
import { renderHtml } from '../../src/report/html.ts'
import type { Report } from '../../src/report/report.ts'
import { schemaProblem } from '../../src/schema-check.ts'
import { sampleReport } from './sample-report.ts'

const SIDE = 33
const along = (k: number) => -2 + (4 * k) / (SIDE - 1)

/** f(x, y) = |(x, y)| - 1 over [-2, 2] x [-2, 2]. */
const disk: NonNullable<Report['plane']> = {
  x: [-2, 2],
  y: [-2, 2],
  columns: SIDE,
  rows: SIDE,
  values: Array.from({ length: SIDE * SIDE }, (_, i) => Math.hypot(along(i % SIDE), along(Math.floor(i / SIDE))) - 1),
  points: [
    [0, 0, 0],
    [1.5, 1.5, 1],
  ],
}

describe('level lines', () => {
  it('of a cone are circles, closed and of the right length', () => {
    for (const level of [-0.5, 0, 0.5]) {
      const segments = levelLines(disk, level)
      const ends = new Map<string, number>()
      let length = 0
      for (const [[ac, ar], [bc, br]] of segments) {
        const [a, b] = [
          [along(ac), along(ar)],
          [along(bc), along(br)],
        ] as const
        for (const point of [a, b]) {
          expect(Math.abs(Math.hypot(...(point as [number, number])) - 1 - level)).toBeLessThan(0.01)
          const key = point.map((v) => Math.round(1e9 * v!) + 0).join()
          ends.set(key, (ends.get(key) ?? 0) + 1)
        }
        length += Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!)
      }
      // Every end is that of two segments (of four where the line meets a corner): the line has no gap.
      expect([...ends.values()].every((count) => count % 2 === 0)).toBe(true)
      expect(length).toBeGreaterThan(0.98 * 2 * Math.PI * (1 + level))
      expect(length).toBeLessThan(2 * Math.PI * (1 + level))
    }
  })

  it('of a saddle part the corners that are alone, and a level that is not reached has none', () => {
    const saddle = { columns: 2, rows: 2, values: [1, -1, -1, 1] }
    const tilted = levelLines({ ...saddle, values: [1, -1, -1, 3] }, 0)
    expect(tilted).toHaveLength(2)
    // The mean is positive, so both positive corners are joined and the negative ones cut off.
    for (const [a, b] of tilted) expect(Math.abs(a[0] - b[0]) * Math.abs(a[1] - b[1])).toBeGreaterThan(0)
    const near = (corner: readonly [number, number]) =>
      tilted.some((segment) => segment.every(([c, r]) => Math.hypot(c - corner[0], r - corner[1]) < 1.01))
    expect([near([1, 0]), near([0, 1]), near([0, 0])]).toEqual([true, true, false])
    expect(levelLines(saddle, 5)).toEqual([])
  })
})

describe('a binary head', () => {
  const binary = async (): Promise<Report> => {
    const report = await sampleReport()
    const samples = Array.from({ length: 40 }, (_, i) => ({
      ...report.certificates!.samples[0]!,
      index: i,
      label: i % 2,
      predicted: i === 0 ? 1 : i % 2,
      margin: 0.1 + 0.01 * i,
    }))
    return {
      ...report,
      model: { ...report.model, output: { name: 'y', dims: ['N', 1] } },
      certificates: { ...report.certificates!, count: 40, samples },
      dataset: { name: 'two-moons', split: 'test', samples: 40, classes: ['outer <', 'inner'] },
      plane: disk,
    }
  }

  it('has a histogram of its outputs, each sample in one bar on its side of zero', async () => {
    const report = await binary()
    const { html } = outputHistogram(report)
    const bars = [...html.matchAll(/class="stack b(\d)" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)]
    const zero = Number(/class="axis" x1="([\d.]+)"/.exec(html)![1])
    const right = bars.filter(([, , x]) => Number(x) > zero)
    // Odd samples and the misclassified one are positive, the even ones negative.
    expect(new Set(right.map(([, label]) => label))).toEqual(new Set(['0', '1']))
    const left = bars.filter(([, , x, width]) => Number(x) + Number(width) < zero)
    expect(new Set(left.map(([, label]) => label))).toEqual(new Set(['0']))
    expect(html).toContain('outer &lt;')
    expect(outputHistogram(await sampleReport()).html).toBe('')
  })

  it('in the plane is drawn with its level lines and samples, and the report with it is valid', async () => {
    const report = await binary()
    const { html } = planeDrawing(report)
    expect(html.match(/<circle/g)).toHaveLength(2)
    expect(html).toContain('class="level zero"')
    expect(html).toContain('data:image/png;base64,')
    const page = renderHtml(report)
    expect(page).toContain('The output over the plane')
    expect(page).toContain('Outputs by class')
    expect(page).toContain('seed rule |output|')
    expect(await schemaProblem(JSON.parse(JSON.stringify(report)), 'report.schema.json')).toBeUndefined()
    expect(renderHtml(await sampleReport())).not.toContain('Outputs by class')
  })
})

it('a distance that is known stands beside KR, and one epoch is a point', async () => {
  const report = await sampleReport()
  const history = [{ epoch: 1, loss: 1, val_MulticlassKR: 30 }]
  const charts = trainingCurves({ ...report, training: { history, classDistance: 35 } }).map(({ html }) => html)
  expect(charts).toHaveLength(2)
  expect(charts[0]).toContain('<circle')
  expect(charts[0]).not.toContain('35')
  expect(charts[1]).toContain('Wasserstein distance of the classes: 35')
})
