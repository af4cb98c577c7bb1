import { registerRegularizer } from '../config/resolve-regularizer.ts'
import { matMul } from '../kernels/mat-mul.ts'
import * as tf from '../tf.ts'

/** lambda ||W W^T - I||_F^2, or with W^T W where there are more rows than columns. */
export class OrthDenseRegularizer extends tf.Regularizer {
  static className = 'OrthDenseRegularizer'
  readonly lambdaOrth: number

  constructor({ lambdaOrth = 1 }: { lambdaOrth?: number } = {}) {
    super()
    this.lambdaOrth = lambdaOrth
  }

  override apply(x: tf.Tensor): tf.Scalar {
    return tf.tidy(() => {
      const w = x as tf.Tensor2D
      const [rows, columns] = w.shape
      const gram = rows <= columns ? matMul(w, tf.transpose(w)) : matMul(tf.transpose(w), w)
      const defect = tf.sub(gram, tf.eye(Math.min(rows, columns)))
      return tf.mul(tf.sum(tf.square(defect)), this.lambdaOrth)
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { lambdaOrth: this.lambdaOrth }
  }
}

registerRegularizer('OrthDenseRegularizer', (options) => new OrthDenseRegularizer(options))
