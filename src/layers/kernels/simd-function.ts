/** A compiled kernel: addresses and counts in, results in memory. */
export type SimdFunction = (...parameters: number[]) => void

const compiled = new WeakMap<WebAssembly.Memory, Map<string, SimdFunction>>()

/** The smallest module with a SIMD instruction. */
const PROBE = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
])

/** Whether this engine runs SIMD at all; Node has since version 16, on x64 and arm64. */
export const HAS_SIMD = WebAssembly.validate(PROBE)

/**
 * Compiles a kernel for a memory, once for each key.
 * @param key what `write` depends on
 */
export function simdFunction(memory: WebAssembly.Memory, key: string, write: () => Uint8Array): SimdFunction {
  let functions = compiled.get(memory)
  if (functions === undefined) {
    functions = new Map()
    compiled.set(memory, functions)
  }
  let found = functions.get(key)
  if (found === undefined) {
    const module = new WebAssembly.Module(write() as BufferSource)
    found = new WebAssembly.Instance(module, { env: { memory } }).exports.run as SimdFunction
    functions.set(key, found)
  }
  return found
}
