/**
 * A trained network as the exporter takes it: layers by deel-lip's class names and configuration keys, with the weights that
 * inference uses. It holds no tfjs object, so a network read from a `.keras` file and one trained here are lowered alike.
 * @module
 */
import type { Shape } from '../onnx/ir.ts'

export interface WeightArray {
  readonly dims: Shape
  readonly data: Float32Array
}

export interface LayerDescription {
  /** deel-lip's or Keras' class name, without the package: 'SpectralConv2D', 'Flatten'. */
  readonly className: string
  readonly name: string
  /** deel-lip's configuration keys (snake_case). */
  readonly config: Readonly<Record<string, unknown>>
  /**
   * Effective weights by role ('kernel', 'bias', ...), in deel-lip's layout (channels last, HWIO kernels, (in, out) matrices):
   * what inference multiplies with, every reparametrisation and coefficient already applied. Weights of a layer given as
   * `activation=` have roles 'activation/theta', ...
   */
  readonly weights: Readonly<Record<string, WeightArray>>
  /** Names of the layers whose outputs it takes; undefined: the layer before it. None for an InputLayer. */
  readonly inputs?: readonly string[]
}

export interface NetworkDescription {
  readonly name: string
  /** Of one sample, channels last: [height, width, channels], [steps, channels] or [features]. */
  readonly inputShape: Shape
  /** Every layer after those that it reads. */
  readonly layers: readonly LayerDescription[]
  /** The layer that gives the logits; default the last one. */
  readonly output?: string
}
