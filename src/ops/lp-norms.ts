/**
 * What LpPool and GlobalLpPool share: the p-norm of each window, p >= 1.
 * @module
 */
import type { GradientBuilder, Operator, Site } from './operator.ts'
import { type GeometryOf, overWindows, poolShape, windowOf } from './pool.ts'
import { sqrtUp } from './round-up.ts'
import { constant, unbounded } from './rules.ts'
import { TINY_ROOT } from './sqrt.ts'
import { timesUp } from './sum-up.ts'
import { windowSumAdjoint } from './window-adjoint.ts'
import { mapsOf, maxCells, maxMultiplicity } from './windows.ts'

const orderOf = (site: Site): number => site.int('p', 2)

export function lpNorms(geometryOf: GeometryOf): Omit<Operator, 'type'> {
  return {
    ...poolShape(geometryOf),
    evaluate: (site, [x]) => {
      const p = orderOf(site)
      const geometry = geometryOf(site, x!.dims)
      const data = overWindows(x!.data, x!.dims, geometry, (values, base, cells, from, to) => {
        let sum = 0
        for (let i = from; i < to; i++) {
          const value = Math.abs(values[base + cells[i]])
          sum += p === 2 ? value * value : p === 1 ? value : value ** p
        }
        return p === 2 ? Math.sqrt(sum) : p === 1 ? sum : sum ** (1 / p)
      })
      return [{ type: x!.type, dims: [x!.dims[0], x!.dims[1], ...geometry.output], data }]
    },
    /**
     * Reverse triangle inequality: a window's norm moves by at most |d|_p <= |d|_2 for p >= 2, and by at most
     * n^(1/p - 1/2) |d|_2 for p < 2; an element is met once for every window that reads it.
     */
    lipschitz: (site) => {
      const p = orderOf(site)
      if (!(p >= 1)) return unbounded(`p = ${p} is not a norm`)
      const geometry = geometryOf(site, site.input(0).dims)
      const multiplicity = maxMultiplicity(geometry)
      const overlap = multiplicity === 1 ? '' : `, and an element is read by up to ${multiplicity} windows`
      if (p >= 2) return constant(sqrtUp(multiplicity), `the p-norm of a window moves by at most its 2-norm${overlap}`)
      const cells = maxCells(geometry)
      return constant(
        timesUp(sqrtUp(multiplicity), sqrtUp(cells)),
        `a sum of ${cells} absolute values moves by at most sqrt(${cells}) in the 2-norm${overlap}`,
      )
    },
    /**
     * p = 2: squares and their sum carry k roundings and lose half of them under the root (docs/soundness.md 10.1); pow of the
     * C library is taken to be within 8 ulp for other p. Squares that underflow are worth sqrt(k 2^-126).
     */
    rounding: (site) => {
      const p = orderOf(site)
      const k = maxCells(geometryOf(site, site.input(0).dims))
      if (p === 1) return { kind: 'relative', ulps: k }
      const ulps = p === 2 ? k / 2 + 6 : (k + 16) / p + 17
      return { kind: 'relative', ulps, absolute: (k * 2 ** -126) ** (1 / p) * (1 + 2 ** -40), power: p }
    },
    symbolic: (site, [x], pool) => {
      const p = orderOf(site)
      if (!x || (p !== 1 && p !== 2)) return undefined
      const geometry = geometryOf(site, x.dims)
      const ids = overWindows(x.ids, x.dims, geometry, (values, base, cells, from, to) => {
        const window = windowOf(values, base, cells, from, to)
        const ones = new Array<number>(window.length).fill(1)
        if (p === 1)
          return pool.linear(
            window.map((id) => pool.abs(id)),
            ones,
          )
        return pool.sqrt(
          pool.linear(
            window.map((id) => pool.multiply(id, id)),
            ones,
          ),
        )
      })
      return [{ dims: [x.dims[0], x.dims[1], ...geometry.output], ids }]
    },
    vjp: (site, b, [dy]) => [dy && inputGradient(site, b, dy, geometryOf)],
  }
}

/** dx = sign(x) |x|^(p-1) * (sum over windows of dy / y^(p-1)); an all-zero window has gradient 0, a valid choice. */
function inputGradient(site: Site, b: GradientBuilder, dy: string, geometryOf: GeometryOf): string {
  const p = orderOf(site)
  const { name: x, dims } = site.input(0)
  const geometry = geometryOf(site, dims)
  const { batch, channels } = mapsOf(site, dims)
  const back = (value: string) => windowSumAdjoint(b, value, batch, channels, geometry)
  const nonNegative = () => b.node('GreaterOrEqual', [x, b.constant([0], [])])
  if (p === 1) {
    const sum = back(dy)
    return b.node('Where', [nonNegative(), sum, b.node('Neg', [sum])])
  }
  // TINY_ROOT^(p-1) must not underflow.
  const root = b.node('Max', [site.outputs[0].name, b.constant([Math.max(TINY_ROOT, 10 ** (-30 / (p - 1)))], [])])
  if (p === 2) return b.node('Mul', [x, back(b.node('Div', [dy, root]))])
  const power = (value: string) => b.node('Pow', [value, b.constant([p - 1], [])])
  const magnitude = b.node('Mul', [power(b.node('Abs', [x])), back(b.node('Div', [dy, power(root)]))])
  return b.node('Where', [nonNegative(), magnitude, b.node('Neg', [magnitude])])
}
