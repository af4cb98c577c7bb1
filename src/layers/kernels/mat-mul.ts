import * as tf from '../tf.ts'
import { filterGradient } from './filter-gradient.ts'
import { MATRIX_PRODUCT } from './matrix-product.ts'
import { HAS_SIMD } from './simd-function.ts'

const NAME = 'LipMatMul'

// The library's kernel is ten times slower when it has to transpose (1.9 against 21 GFLOP/s), and half as fast as ours where
// columns fill vectors.
tf.registerKernel({
  kernelName: NAME,
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend }) => {
    const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo }
    const sizes = [a.shape[0]!, a.shape[1]!, b.shape[1]!]
    if (HAS_SIMD && sizes[2]! % 4 === 0 && sizes.every((size) => size > 0)) {
      return tf.getKernel(MATRIX_PRODUCT, 'wasm').kernelFunc({ inputs, backend, attrs: {} })
    }
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
      b: () => transposedTimes(a, dy as tf.Tensor2D),
    }
  },
})

/** a^T b. On wasm the filter gradient of a 1x1 convolution over an image of one row, where columns fill vectors. */
function transposedTimes(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  const [rows, inner] = a.shape
  const columns = b.shape[1]
  if (!(HAS_SIMD && columns % 4 === 0)) return matMul(tf.transpose(a), b)
  const image = (m: tf.Tensor2D, channels: number): tf.Tensor4D => tf.reshape(m, [1, 1, rows, channels])
  const geometry = { strides: [1, 1], padding: { top: 0, bottom: 0, left: 0, right: 0 } } as const
  return tf.reshape(filterGradient(image(a, inner), image(b, columns), geometry, [1, 1]), [inner, columns])
}

/** a b for matrices, with gradients that transpose first and then multiply. */
export function matMul(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  if (a.shape[1] !== b.shape[0]) {
    throw new Error(`matMul: shapes [${a.shape}] and [${b.shape}] do not agree.`)
  }
  if (tf.getBackend() !== 'wasm') return tf.matMul(a, b)
  return tf.engine().runKernel(NAME, { a, b } as unknown as tf.NamedTensorMap) as unknown as tf.Tensor2D
}
