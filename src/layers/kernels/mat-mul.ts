import * as tf from '../tf.ts'

const NAME = 'LipMatMul'

// Only where it pays: the wasm kernel is ten times slower when it has to transpose (1.9 against 21 GFLOP/s).
tf.registerKernel({
  kernelName: NAME,
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend }) => {
    const kernel = tf.getKernel('BatchMatMul', 'wasm')
    return kernel.kernelFunc({ inputs, backend, attrs: { transposeA: false, transposeB: false } })
  },
})

tf.registerGradient({
  kernelName: NAME,
  inputsToSave: ['a', 'b'],
  gradFunc: (dy, saved) => {
    const [a, b] = saved as [tf.Tensor2D, tf.Tensor2D]
    return {
      a: () => matMul(dy as tf.Tensor2D, tf.transpose(b)),
      b: () => matMul(tf.transpose(a), dy as tf.Tensor2D),
    }
  },
})

/** a b for matrices, with gradients that transpose first and then multiply. */
export function matMul(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (a.shape[1] !== b.shape[0]) {
    throw new Error(`matMul: shapes [${a.shape}] and [${b.shape}] do not agree.`)
  }
  if (tf.getBackend() !== 'wasm') return tf.matMul(a, b)
  return tf.engine().runKernel(NAME, { a, b } as unknown as tf.NamedTensorMap) as unknown as tf.Tensor2D
}
