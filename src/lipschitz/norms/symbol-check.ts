import {
  choleskySlack,
  createHermitianBand,
  factorsHermitianBand,
  type HermitianBand,
  hermitianIndex,
  hermitianSize,
} from '../../linalg/cholesky.ts'
import { UNIT } from '../../linalg/rounding.ts'
import { withRoom } from '../../linalg/vector-room.ts'
import type { GramSymbol } from './gram-symbol.ts'
import { type Scratch, topOf } from './symbol-probe.ts'

/**
 * Proves |F(w)|² <= square + slack(square) for the packed Gram matrix in the scratch space: square I - G is shown to be positive
 * definite by a Cholesky factorisation (docs/soundness.md 1.3).
 */
export interface SymbolCheck {
  passes(scratch: Scratch, square: number): boolean
  /** All rounding of the check: Cholesky's backward error, the symbol's own error, the subtraction on the diagonal. */
  slack(square: number): number
  /**
   * The smallest square >= `square` on a short ladder that passes, found from an eigenvalue estimate; `ceiling`, a bound already
   * known, ends the ladder.
   */
  raise(scratch: Scratch, square: number, ceiling: number): number
}

/** Smaller matrices are factored sooner than vector code is called. */
const WORTH_A_ROOM = 12

export function symbolCheck(symbol: GramSymbol): SymbolCheck {
  const { size } = symbol
  const own = createHermitianBand(size, size)
  const doubles = hermitianSize(size, size)
  const passes = (scratch: Scratch, square: number): boolean =>
    size < WORTH_A_ROOM
      ? passesIn(own, scratch, square)
      : withRoom(doubles, (room) => passesIn(room ? createHermitianBand(size, size, room) : own, scratch, square))
  const passesIn = (work: HermitianBand, scratch: Scratch, square: number): boolean => {
    const { re, im } = work
    for (let i = 0, k = 0; i < size; i++) {
      const row = hermitianIndex(work, i, 0)
      for (let j = 0; j < i; j++, k++) {
        re[row + j] = -scratch.re[k]!
        im[row + j] = -scratch.im[k]!
      }
      re[row + i] = square - scratch.re[k]!
      k++
    }
    if (work.size > size) {
      // An identity row: it changes nothing for the others.
      const row = hermitianIndex(work, size, 0)
      re.fill(0, row, row + size)
      im.fill(0, row, row + size)
      re[row + size] = 1
    }
    return factorsHermitianBand(work)
  }
  return {
    passes,
    // Diagonal entries of G are >= 0 up to their error, so those of square I - G are <= square (1 + u) + error.
    slack: (square) =>
      choleskySlack(size, size * (square * (1 + 4 * UNIT) + symbol.error), 'complex') +
      symbol.error +
      2 * UNIT * square,
    raise(scratch, square, ceiling) {
      const { value } = topOf(scratch, size, 60)
      const base = Math.max(square, value)
      for (let excess = 1e-9; excess < 1; excess *= 16) {
        const attempt = base * (1 + excess)
        if (attempt >= ceiling) break
        if (passes(scratch, attempt)) return attempt
      }
      return ceiling
    },
  }
}
