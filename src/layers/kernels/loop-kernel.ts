import * as tf from '../tf.ts'
import { HAS_SIMD, simdFunction } from './simd-function.ts'

/** Plain numbers that parametrise a kernel. */
export type LoopAttributes = Readonly<Record<string, number>>

export interface LoopKernel {
  readonly name: string
  /** Shape of the output from the shapes of the inputs. */
  readonly shape: (inputs: readonly (readonly number[])[], attributes: LoopAttributes) => number[]
  /** Fills `out` (uninitialised memory) from the inputs, all row-major. */
  readonly run: (
    out: Float32Array,
    inputs: readonly Float32Array[],
    shapes: readonly (readonly number[])[],
    attributes: LoopAttributes,
  ) => void
  /** The same as machine code for wasm, where shapes and attributes allow it. */
  readonly simd?: (shapes: readonly (readonly number[])[], attributes: LoopAttributes) => SimdKernel | undefined
}

export interface SimdKernel {
  /** What the code depends on. */
  readonly key: string
  /** A module for `simdFunction`; parameters: address of the output, of the inputs, then the counts. */
  readonly write: () => Uint8Array
  readonly counts: readonly number[]
  /** Whether the output must be zero at the start. */
  readonly clear?: boolean
}

interface HeapBackend {
  readonly wasm: { readonly asm: { readonly memory: WebAssembly.Memory } }
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array
}

interface ArrayBackend {
  readonly data: { get(id: object): { values: Float32Array } }
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): tf.TensorInfo
}

/**
 * Registers one loop for the two backends whose memory JavaScript can walk: the wasm heap is used in place, without a copy
 * (the output is allocated before the views are taken, because growing the heap detaches them), and cpu tensors are arrays.
 *
 * The reason: on wasm, slice and concat along the last axis cost hundreds of milliseconds where the arithmetic needs a few.
 */
export function registerLoopKernel(kernel: LoopKernel): void {
  const prepare = (inputs: tf.NamedTensorInfoMap, attrs: tf.NamedAttrMap | undefined) => {
    const infos = Object.keys(inputs)
      .sort()
      .map((key) => inputs[key] as tf.TensorInfo)
    const shapes = infos.map((info) => info.shape)
    const attributes = (attrs ?? {}) as LoopAttributes
    return { infos, shapes, attributes, shape: kernel.shape(shapes, attributes) }
  }
  tf.registerKernel({
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const heap = backend as unknown as HeapBackend
      const { infos, shapes, attributes, shape } = prepare(inputs, attrs)
      const output = heap.makeOutput(shape, 'float32')
      const out = heap.typedArrayFromHeap(output)
      const arrays = infos.map((info) => heap.typedArrayFromHeap(info))
      const simd = HAS_SIMD && out.length > 0 ? kernel.simd?.(shapes, attributes) : undefined
      if (simd === undefined) {
        kernel.run(out, arrays, shapes, attributes)
      } else {
        if (simd.clear) out.fill(0)
        const run = simdFunction(heap.wasm.asm.memory, `${kernel.name} ${simd.key}`, simd.write)
        run(...[out, ...arrays].map((array) => array.byteOffset), ...simd.counts)
      }
      return output
    },
  })
  tf.registerKernel({
    kernelName: kernel.name,
    backendName: 'cpu',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const arrays = backend as unknown as ArrayBackend
      const { infos, shapes, attributes, shape } = prepare(inputs, attrs)
      const out = new Float32Array(tf.util.sizeFromShape(shape))
      kernel.run(
        out,
        infos.map((info) => arrays.data.get(info.dataId).values),
        shapes,
        attributes,
      )
      return arrays.makeTensorInfo(shape, 'float32', out)
    },
  })
}

/** Whether the current backend has the loop; the others compose the same function from standard operations. */
export function hasLoopKernel(name: string): boolean {
  return tf.getKernel(name, tf.getBackend()) != null
}

/** Runs a registered kernel. Inputs are passed to the loop in alphabetical order of their names. */
export function runLoopKernel<T extends tf.Tensor>(
  name: string,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attributes: LoopAttributes = {},
): T {
  return tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, { ...attributes }) as unknown as T
}
