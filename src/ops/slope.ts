import type { GradientBuilder, Operator, Site } from './operator.ts'

/** What an elementwise gradient may use: the builder and the names of x, y and dy. */
export interface Slope {
  readonly b: GradientBuilder
  readonly site: Site
  readonly x: string
  readonly y: string
  readonly dy: string
  /** A scalar that broadcasts against everything. */
  scalar(value: number): string
  mul(a: string, b: string): string
}

/** The vjp of a one-input elementwise operator from the nodes that compute dx. */
export function gradient(dx: (slope: Slope) => string): NonNullable<Operator['vjp']> {
  return (site, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    return [
      dx({
        b,
        site,
        x: site.input(0).name,
        y: site.outputs[0]!.name,
        dy,
        scalar: (value) => b.constant([value], []),
        mul: (p, q) => b.node('Mul', [p, q]),
      }),
    ]
  }
}

/** dx = dy where x > 0, `otherwise` elsewhere: at the kink the left slope. */
export function rightOfZero({ b, x, dy, scalar }: Slope, otherwise: string): string {
  return b.node('Where', [b.node('Greater', [x, scalar(0)]), dy, otherwise])
}
