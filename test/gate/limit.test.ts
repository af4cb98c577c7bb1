import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limitOf, parseLimit } from '../../src/gate/limit.ts'

/** A decimal and a double compared exactly, as integers over a common power of ten: the double's decimal expansion is finite. */
function exceeds(value: number, digits: bigint, places: number): boolean {
  const expansion = value.toFixed(60)
  const [whole, fraction = ''] = expansion.split('.')
  const left = BigInt(whole! + fraction)
  return left > digits * 10n ** BigInt(fraction.length - places)
}

const next = (value: number) => {
  const bits = new BigUint64Array(new Float64Array([value]).buffer)
  bits[0]!++
  return new Float64Array(bits.buffer)[0]!
}

describe('parseLimit', () => {
  it('is the largest double that does not exceed the decimal', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 9n }), fc.integer({ min: 0, max: 8 }), (digits, places) => {
        const text = `${digits / 10n ** BigInt(places)}${places > 0 ? `.${String(digits % 10n ** BigInt(places)).padStart(places, '0')}` : ''}`
        const limit = parseLimit(text, 'x')
        expect(exceeds(limit, digits, places)).toBe(false)
        expect(exceeds(next(limit), digits, places)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('puts 1.1 and 0.1 below the nearest double, which is above the decimal', () => {
    expect(parseLimit('1.1', 'x')).toBe(1.0999999999999999)
    expect(parseLimit('0.1', 'x')).toBe(0.09999999999999999)
    expect(parseLimit('1', 'x')).toBe(1)
    expect(parseLimit('1.0', 'x')).toBe(1)
    expect(parseLimit('2e3', 'x')).toBe(2000)
    expect(parseLimit('25e-2', 'x')).toBe(0.25)
    expect(limitOf(1.1, 'x')).toBe(1.0999999999999999)
  })

  it.each(['', '0', '-1', 'one', 'Infinity', 'NaN', '1e999', '0x10', '1,5', `1${'0'.repeat(400)}`])(
    'refuses %j',
    (text) => {
      expect(() => parseLimit(text, '--max-lipschitz')).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )
})
