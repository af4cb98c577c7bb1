/**
 * Lines up columns for a terminal. Widths are taken from the plain text: colour cells afterwards with `paint`.
 * @param right columns to align on the right
 */
export function table(
  rows: readonly (readonly string[])[],
  options: {
    readonly right?: readonly number[]
    readonly paint?: (cell: string, row: number, column: number) => string
  } = {},
): string {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows
    .map((row, r) =>
      row
        .map((cell, c) => {
          const last = c === row.length - 1 && !options.right?.includes(c)
          const padded = last ? cell : options.right?.includes(c) ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)
          return options.paint ? options.paint(padded, r, c) : padded
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
