import { describe, expect, it } from 'vitest'
import { normalVector } from '../../src/linalg/normal-vector.ts'
import { addProductTransposed } from '../../src/linalg/product.ts'
import { withRoom } from '../../src/linalg/vector-room.ts'

describe('a room for vector code', () => {
  it('adds A Bᵀ to strided rows, one or two at a time, and touches nothing else', () => {
    for (const [rows, columns, depth] of [
      [1, 4, 2],
      [1, 12, 10],
      [2, 4, 0],
      [2, 8, 4],
      [6, 16, 32],
    ] as const) {
      const [aStride, bStride, cStride] = [depth + 3, depth + 1, columns + 2]
      const a = normalVector(rows * aStride, 1, rows)
      const b = normalVector(columns * bStride, 2, columns)
      const c = normalVector(rows * cStride + 4, 3, depth)
      const expected = c.slice()
      addProductTransposed(expected, 0, cStride, a, 0, aStride, b, 0, bStride, rows, columns, depth)
      withRoom(c.length + a.length + b.length, (room) => {
        const { doubles, product, productPairs } = room!
        doubles.set(c)
        doubles.set(a, c.length)
        doubles.set(b, c.length + a.length)
        const [atA, atB] = [8 * c.length, 8 * (c.length + a.length)]
        if (rows === 1) product(0, atA, atB, 8 * bStride, columns / 4, depth / 2)
        else productPairs(0, 8 * cStride, atA, 8 * aStride, atB, 8 * bStride, rows / 2, columns / 4, depth / 2)
        for (let k = 0; k < c.length; k++) expect(Math.abs(doubles[k]! - expected[k]!)).toBeLessThan(1e-13)
        for (let row = 0; row < rows; row++)
          for (let k = columns; k < cStride; k++) expect(doubles[row * cStride + k]).toBe(c[row * cStride + k])
        expect([...doubles.subarray(c.length, c.length + a.length)]).toEqual([...a])
        expect([...doubles.subarray(c.length + a.length, c.length + a.length + b.length)]).toEqual([...b])
      })
    }
  })

  it('is lent to one at a time, grows, and comes back after a failure', () => {
    withRoom(10, (outer) => {
      expect(outer!.doubles.length).toBeGreaterThanOrEqual(10)
      withRoom(10, (inner) => expect(inner).toBeUndefined())
    })
    expect(() =>
      withRoom(10, () => {
        throw new Error('in the middle')
      }),
    ).toThrow('in the middle')
    withRoom(1e6, (room) => expect(room!.doubles.length).toBeGreaterThanOrEqual(1e6))
    // Nobody has that much.
    withRoom(2 ** 40, (room) => expect(room).toBeUndefined())
  })
})
