import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'

/**
 * An upper bound on the spectral norm that needs no convergence: with G = w^T w and q squarings,
 * ||w||^2 = lambda_max(G) <= ||G^(2^q)||_F^(1/2^q), larger than the truth by at most the factor columns^(1/2^(q+2)).
 * (Gram iteration: Delattre et al. 2023, arXiv:2305.16173.) A factor covers float32 rounding.
 *
 * It is a Schatten norm, tr(G^p)^(1/2p) with p = 2^(q+1), and differentiable: its gradient is B w G^(p-1) / tr(G^p), and
 * G^(p-1) is the product of the squarings' intermediates up to a factor that cancels.
 *
 * @param w [rows, columns] with rows >= columns and entries around 1 (no overflow in w^T w)
 * @returns scalar
 */
export function soundNormBound(w: tf.Tensor2D, squarings: number): tf.Scalar {
  const op = tf.customGrad((...args) => {
    const [input, save] = args as unknown as [tf.Tensor2D, tf.GradSaveFunc]
    const gram = matMul(tf.transpose(input), input)
    let norm = frobenius(gram)
    let matrix = tf.div(gram, norm) as tf.Tensor2D
    let product = matrix
    let logarithm = tf.log(norm)
    for (let i = 1; i <= squarings; i++) {
      const square = matMul(matrix, matrix)
      norm = frobenius(square)
      matrix = tf.div(square, norm)
      product = matMul(product, matrix)
      logarithm = tf.add(logarithm, tf.div(tf.log(norm), 2 ** i))
    }
    const bound = tf.mul(tf.exp(tf.div(logarithm, 2)), 1 + roundingMargin(w.shape[0])) as tf.Scalar
    const trace = tf.maximum(tf.sum(tf.mul(gram, product)), 1e-30)
    save([input, tf.mul(product, tf.div(bound, trace))])
    return {
      value: bound,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(matMul(saved[0] as tf.Tensor2D, saved[1] as tf.Tensor2D), dy),
    }
  })
  return op(w) as tf.Scalar
}

/** The floor keeps a zero matrix at bound ~0 instead of NaN. */
function frobenius(x: tf.Tensor): tf.Scalar {
  return tf.maximum(tf.sqrt(tf.sum(tf.square(x))), 1e-20)
}

/**
 * Relative slack for float32 products with `terms` terms. The worst case of a sum grows with `terms`, the error met in
 * practice with its square root; four times that is far beyond what was ever observed (test: strict soundness).
 */
export function roundingMargin(terms: number): number {
  return 2e-6 + 4 * 2 ** -24 * Math.sqrt(terms)
}
