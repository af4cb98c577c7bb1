/** The largest power of two that divides `count` and is at most `limit`: vectors side by side in registers. */
export function widest(count: number, limit: number): number {
  let width = 1
  while (2 * width <= limit && count % (2 * width) === 0) width *= 2
  return width
}
