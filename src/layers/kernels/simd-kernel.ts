import * as tf from '../tf.ts'
import { simdFunction } from './simd-function.ts'

/** Plain numbers that parametrise a kernel. */
export type KernelAttributes = Readonly<Record<string, number>>

export interface SimdKernel {
  /** What the code depends on. */
  readonly key: string
  /** Floats of memory that it needs while it runs. */
  readonly scratch?: number
  /**
   * A module for `simdFunction`; parameters: address of the output, of the inputs, of the scratch memory where there is any, then the
   * counts.
   */
  readonly write: () => Uint8Array
  readonly counts: readonly number[]
  /** Whether the output must be zero at the start. */
  readonly clear?: boolean
}

/** The wasm backend of TensorFlow.js, as far as it is used here. */
export interface HeapBackend {
  readonly wasm: { readonly asm: { readonly memory: WebAssembly.Memory } }
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array
  disposeData(dataId: object): boolean
}

/** Runs machine code on tensors in the heap of the wasm backend. */
export function runSimdKernel(
  backend: HeapBackend,
  name: string,
  simd: SimdKernel,
  shape: readonly number[],
  inputs: readonly tf.TensorInfo[],
): tf.TensorInfo {
  const output = backend.makeOutput([...shape], 'float32')
  const scratch = simd.scratch === undefined ? [] : [backend.makeOutput([simd.scratch], 'float32')]
  // All memory is there before views are taken: growing the heap detaches them.
  const [out, ...rest] = [output, ...inputs, ...scratch].map((info) => backend.typedArrayFromHeap(info))
  if (simd.clear) out!.fill(0)
  const run = simdFunction(backend.wasm.asm.memory, `${name} ${simd.key}`, simd.write)
  run(...[out!, ...rest].map((array) => array.byteOffset), ...simd.counts)
  for (const { dataId } of scratch) backend.disposeData(dataId)
  return output
}

/** Inputs in the alphabetical order of their names. */
export function sortedInputs(inputs: tf.NamedTensorInfoMap): tf.TensorInfo[] {
  return Object.keys(inputs)
    .sort()
    .map((key) => inputs[key] as tf.TensorInfo)
}

/** Registers a kernel that exists as machine code only. The caller makes sure that the engine runs SIMD. */
export function registerSimdKernel(kernel: {
  readonly name: string
  /** Output shape and code; inputs in alphabetical order of their names. */
  readonly plan: (
    shapes: readonly (readonly number[])[],
    attributes: KernelAttributes,
  ) => { readonly shape: readonly number[]; readonly simd: SimdKernel }
}): void {
  tf.registerKernel({
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const infos = sortedInputs(inputs)
      const { shape, simd } = kernel.plan(
        infos.map((info) => info.shape),
        (attrs ?? {}) as KernelAttributes,
      )
      return runSimdKernel(backend as unknown as HeapBackend, kernel.name, simd, shape, infos)
    },
  })
}
