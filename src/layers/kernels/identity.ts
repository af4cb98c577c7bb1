import * as tf from '../tf.ts'

interface CountingBackend {
  incRef(dataId: object): void
}

/**
 * The identity on wasm without a copy. Tensors are never written to, and a gradient keeps a clone of all that it needs: with the
 * library's kernel every activation of a training step is copied for that. To be called after the library has registered its own.
 */
export function registerIdentity(): void {
  const kernelName = 'Identity'
  const backendName = 'wasm'
  if (tf.getKernel(kernelName, backendName) != null) tf.unregisterKernel(kernelName, backendName)
  tf.registerKernel({
    kernelName,
    backendName,
    kernelFunc: ({ inputs, backend }) => {
      const { dataId, shape, dtype } = inputs.x as tf.TensorInfo
      ;(backend as CountingBackend).incRef(dataId)
      return { dataId, shape, dtype }
    },
  })
}
