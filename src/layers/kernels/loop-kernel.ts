import * as tf from '../tf.ts'
import { HAS_SIMD } from './simd-function.ts'
import { type HeapBackend, type KernelAttributes, runSimdKernel, type SimdKernel, sortedInputs } from './simd-kernel.ts'

export interface LoopKernel {
  readonly name: string
  /** Shape of the output from the shapes of the inputs. */
  readonly shape: (inputs: readonly (readonly number[])[], attributes: KernelAttributes) => number[]
  /** Fills `out` (uninitialised memory) from the inputs, all row-major. */
  readonly run: (
    out: Float32Array,
    inputs: readonly Float32Array[],
    shapes: readonly (readonly number[])[],
    attributes: KernelAttributes,
  ) => void
  /** The same as machine code for wasm, where shapes and attributes allow it. */
  readonly simd?: (shapes: readonly (readonly number[])[], attributes: KernelAttributes) => SimdKernel | undefined
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
    const infos = sortedInputs(inputs)
    const shapes = infos.map((info) => info.shape)
    const attributes = (attrs ?? {}) as KernelAttributes
    return { infos, shapes, attributes, shape: kernel.shape(shapes, attributes) }
  }
  tf.registerKernel({
    kernelName: kernel.name,
    backendName: 'wasm',
    kernelFunc: ({ inputs, backend, attrs }) => {
      const heap = backend as unknown as HeapBackend
      const { infos, shapes, attributes, shape } = prepare(inputs, attrs)
      const simd = HAS_SIMD && shape.every((size) => size > 0) ? kernel.simd?.(shapes, attributes) : undefined
      if (simd) return runSimdKernel(heap, kernel.name, simd, shape, infos)
      const output = heap.makeOutput(shape, 'float32')
      const out = heap.typedArrayFromHeap(output)
      kernel.run(
        out,
        infos.map((info) => heap.typedArrayFromHeap(info)),
        shapes,
        attributes,
      )
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
  attributes: KernelAttributes = {},
): T {
  return tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, { ...attributes }) as unknown as T
}
