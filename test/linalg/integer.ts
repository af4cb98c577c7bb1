/**
 * A finite float64 as a whole multiple of 2^-1074, exactly: what bounds of rounding are held against. Read off its bits, so that
 * nothing that is under test is used.
 */
export function integer(x: number): bigint {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, x)
  const word = bits.getBigUint64(0)
  const exponent = Number((word >> 52n) & 0x7ffn)
  const fraction = word & ((1n << 52n) - 1n)
  const size = exponent === 0 ? fraction : (fraction | (1n << 52n)) << BigInt(exponent - 1)
  return x < 0 ? -size : size
}
