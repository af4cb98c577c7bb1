import type { PlaneReport } from '../report.ts'

type Place = readonly [column: number, row: number]

/**
 * Where the field crosses a level, as segments in units of the grid: marching squares (Lorensen and Cline's cubes in the plane), linear
 * along the edges; a saddle is cut by the mean of its corners.
 */
export function levelLines(
  { columns, rows, values }: Pick<PlaneReport, 'columns' | 'rows' | 'values'>,
  level: number,
): readonly (readonly [Place, Place])[] {
  const segments: (readonly [Place, Place])[] = []
  for (let row = 0; row + 1 < rows; row++) {
    for (let column = 0; column + 1 < columns; column++) {
      // Corners in a circle, each with its value above the level.
      const corners = (
        [
          [column, row],
          [column + 1, row],
          [column + 1, row + 1],
          [column, row + 1],
        ] as const
      ).map(([c, r]) => ({ c, r, v: values[r * columns + c]! - level }))
      const crossings = corners.flatMap((a, k): Place[] => {
        const b = corners[(k + 1) % 4]!
        if (a.v > 0 === b.v > 0) return []
        const t = a.v / (a.v - b.v)
        return [[a.c + t * (b.c - a.c), a.r + t * (b.r - a.r)]]
      })
      if (crossings.length === 2) segments.push([crossings[0]!, crossings[1]!])
      if (crossings.length !== 4) continue
      const mean = corners.reduce((sum, { v }) => sum + v, 0)
      // Crossing k lies on the edge from corner k: the first corner is cut off alone when the middle is on the other side.
      const alone = mean > 0 !== corners[0]!.v > 0
      const [p, q, r, s] = crossings as [Place, Place, Place, Place]
      segments.push(
        ...(alone
          ? ([
              [s, p],
              [q, r],
            ] as const)
          : ([
              [p, q],
              [r, s],
            ] as const)),
      )
    }
  }
  return segments
}
