import { registerLayer } from './config/layer-registry.ts'
import { dense } from './kernels/dense.ts'
import { almostOrthogonalColumns } from './normalizers/almost-orthogonal.ts'
import { type EffectiveWeights, ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

export interface AOLDenseOptions extends ReparametrisedOptions {
  units: number
}

/**
 * Dense layer made kCoefLip-Lipschitz by almost-orthogonal rescaling of the smaller side of its kernel [in, units]. State: q, the
 * logarithms of the weights in the rescaling (trainable).
 */
export class AOLDense extends ReparametrisedLayer {
  static className = 'AOLDense'
  readonly units: number
  private q!: tf.LayerVariable

  constructor(options: AOLDenseOptions) {
    super(options, 'orthogonal')
    this.units = positiveInteger(options.units, 'units', this.name)
  }

  protected override computeLipCoef(): number {
    return 1
  }

  protected override kernelShape(inputShape: tf.Shape): number[] {
    return [inputShape.at(-1)!, this.units]
  }

  protected override outputChannels(): number {
    return this.units
  }

  protected override linearOutputShape(inputShape: tf.Shape): tf.Shape {
    return [...inputShape.slice(0, -1), this.units]
  }

  protected override addState(kernelShape: number[]): readonly tf.LayerVariable[] {
    this.q = this.addWeight('q', [Math.min(...kernelShape)], 'float32', tf.initializers.zeros(), undefined, true)
    return [this.q]
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    const matrix = kernel as tf.Tensor2D
    const q = tf.exp(this.q.read()) as tf.Tensor1D
    const columns = matrix.shape[1] <= matrix.shape[0]
    const scaled = columns
      ? almostOrthogonalColumns(matrix, q)
      : tf.transpose(almostOrthogonalColumns(tf.transpose(matrix), q))
    return { kernel: tf.mul(scaled, this.getCoef()) }
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    return dense(x, kernel as tf.Tensor2D, bias)
  }

  protected override vanillaLayer(options: {
    name: string
    activation?: string
    batchInputShape: tf.Shape
  }): tf.layers.Layer {
    return tf.layers.dense({ ...options, units: this.units, useBias: this.useBias } as Parameters<
      typeof tf.layers.dense
    >[0])
  }

  /** Nothing to do: the effective kernel is no fixed point of this reparametrisation. */
  override condense(): void {}

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units }
  }
}

registerLayer(AOLDense)
