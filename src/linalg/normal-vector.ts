import { randomStream } from './random.ts'

/** A vector of standard normal numbers that depends on its key only: starting vectors and tests, never a proof. */
export function normalVector(length: number, ...key: readonly number[]): Float64Array {
  const stream = randomStream(0x6c696e61, ...key)
  const v = new Float64Array(length)
  for (let i = 0; i < length; i++) v[i] = stream.normal()
  return v
}
