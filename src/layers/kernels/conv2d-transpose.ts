import * as tf from '../tf.ts'
import { type ConvGeometry, conv2d, conv2dFilterGradient, conv2dInputGradient } from './conv2d.ts'

/**
 * The adjoint of `conv2d` with the same filter: x [b, h, w, cin], filter [kh, kw, cout, cin], result [b, ...size, cout]. Its own
 * gradients are the convolution itself and the filter gradient with the roles of input and output exchanged.
 *
 * @param size height and width of the result, the input size of the convolution
 */
export function conv2dTranspose(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  geometry: ConvGeometry,
  size: readonly [number, number],
): tf.Tensor4D {
  const op = tf.customGrad((...args) => {
    const [a, w, save] = args as unknown as [tf.Tensor4D, tf.Tensor4D, tf.GradSaveFunc]
    save([a, w])
    return {
      value: conv2dInputGradient(a, w, geometry, size),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedX, savedFilter] = saved as [tf.Tensor4D, tf.Tensor4D]
        const kernelSize: [number, number] = [savedFilter.shape[0], savedFilter.shape[1]]
        return [
          conv2d(dy as tf.Tensor4D, savedFilter, geometry),
          conv2dFilterGradient(dy as tf.Tensor4D, savedX, geometry, kernelSize),
        ]
      },
    }
  })
  return op(x, filter) as tf.Tensor4D
}
