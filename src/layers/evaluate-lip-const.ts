import { singularValues } from '../linalg/singular-values.ts'
import * as tf from './tf.ts'

/**
 * Largest spectral norm of the Jacobian over the samples of x: a lower bound of the Lipschitz constant, up to float32 gradients
 * (deel-lip's evaluate_lip_const since 1.5.1). An estimate, never a certificate.
 *
 * @param x [batch, ...]; the model maps it to [batch, outputs]
 */
export function evaluateLipConst(model: tf.LayersModel, x: tf.Tensor): number {
  const batch = x.shape[0]!
  const inputs = x.size / batch
  const rows: Float32Array[] = []
  const outputs = tf.tidy(() => {
    const y = model.apply(x, { training: false }) as tf.Tensor
    return y.size / batch
  })
  for (let i = 0; i < outputs; i++) {
    rows.push(
      tf.tidy(() => {
        // Samples do not interact in inference: the gradient of a sum over the batch is every sample's own.
        const output = (v: tf.Tensor): tf.Tensor => {
          const y = tf.reshape(model.apply(v, { training: false }) as tf.Tensor, [batch, outputs])
          return tf.sum(tf.mul(y, tf.oneHot(i, outputs)))
        }
        return Float32Array.from(tf.grad(output)(x).dataSync())
      }),
    )
  }
  let largest = 0
  for (let sample = 0; sample < batch; sample++) {
    const jacobian = new Float64Array(outputs * inputs)
    for (let i = 0; i < outputs; i++) {
      jacobian.set(rows[i]!.subarray(sample * inputs, (sample + 1) * inputs), i * inputs)
    }
    largest = Math.max(largest, singularValues(jacobian, outputs, inputs)[0]!)
  }
  return largest
}
