import type { PlaneReport } from '../report/report.ts'
import type { Session } from '../runtime/session.ts'
import { type Executed, execute } from './execute.ts'
import type { Samples } from './samples.ts'

/** Places along each axis: enough for the lines of a picture. */
const SIDE = 64
/** Points drawn; more only cover each other. */
const MOST_POINTS = 600

/** Enough digits for a picture. */
const tidy = (value: number) => Number(value.toPrecision(5))

/**
 * The one output of a network over the plane that its samples lie in, seen as a picture; undefined for networks with more inputs or
 * outputs. The values are what was executed at these places, and nothing is proved between them.
 */
export async function drawPlane(
  session: Session,
  { data, indices }: Samples,
  { width }: Executed,
  batch: number,
): Promise<PlaneReport | undefined> {
  if (width !== 1 || data.dims.reduce((a, b) => a * b, 1) !== 2) return undefined
  const [x, y] = [0, 1].map((axis) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (const index of indices) {
      low = Math.min(low, data.image(index)[axis]!)
      high = Math.max(high, data.image(index)[axis]!)
    }
    const margin = 0.15 * (high - low || 1)
    return [tidy(low - margin), tidy(high + margin)] as const
  }) as unknown as readonly [PlaneReport['x'], PlaneReport['y']]
  const along = ([low, high]: PlaneReport['x'], k: number) => low + ((high - low) * k) / (SIDE - 1)
  const images = Float32Array.from({ length: 2 * SIDE * SIDE }, (_, i) => {
    const place = i >> 1
    return i % 2 === 0 ? along(x, place % SIDE) : along(y, Math.floor(place / SIDE))
  })
  const places = { ...data, count: SIDE * SIDE, images, image: (i: number) => images.subarray(2 * i, 2 * i + 2) }
  const grid = { data: places, indices: Array.from({ length: SIDE * SIDE }, (_, i) => i) }
  const { rows } = await execute(session, grid, { batch })
  return {
    x,
    y,
    columns: SIDE,
    rows: SIDE,
    values: Array.from(rows, tidy),
    points: indices.slice(0, MOST_POINTS).map((index) => {
      const [across, up] = data.image(index)
      return [tidy(across!), tidy(up!), data.label(index)]
    }),
  }
}
