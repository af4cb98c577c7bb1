import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { addBias } from './kernels/dense.ts'
import { matMul } from './kernels/mat-mul.ts'
import { almostOrthogonalColumns } from './normalizers/almost-orthogonal.ts'
import { type EffectiveWeights, ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import { residualModel } from './residual-model.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

export interface SLLDenseOptions extends ReparametrisedOptions {
  /** Hidden units; the output has the width of the input. */
  units: number
}

/**
 * SDP-based residual block (Araujo et al. 2023, arXiv:2303.03169): y = x - 2 W relu(W^T x + b) with ||W|| <= 1 by
 * almost-orthogonal rescaling. The Jacobian I - 2 W D W^T with 0 <= D <= I has its spectrum in [-1, 1]: 1-Lipschitz, and
 * kCoefLip after multiplication. Kernel [in, units].
 */
export class SLLDense extends ReparametrisedLayer {
  static className = 'SLLDense'
  readonly units: number
  private q!: tf.LayerVariable

  constructor(options: SLLDenseOptions) {
    super(options, 'orthogonal')
    this.units = positiveInteger(options.units, 'units', this.name)
    if (this.compat !== null)
      throw new LipError('CONFIG_INVALID', 'SLLDense is not a layer of deel-lip: it has no compat mode.')
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
    return inputShape
  }

  protected override addState(): readonly tf.LayerVariable[] {
    this.q = this.addWeight('q', [this.units], 'float32', tf.initializers.zeros(), undefined, true)
    return [this.q]
  }

  /** W itself: the factor kCoefLip applies to the block's output. */
  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    return { kernel: almostOrthogonalColumns(kernel as tf.Tensor2D, tf.exp(this.q.read()) as tf.Tensor1D) }
  }

  protected override linear(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor1D | undefined): tf.Tensor {
    const w = kernel as tf.Tensor2D
    const flat = tf.reshape(x, [-1, w.shape[0]]) as tf.Tensor2D
    const product = matMul(flat, w)
    const hidden = tf.relu(bias === undefined ? product : addBias(product, bias))
    const y = tf.sub(flat, tf.mul(matMul(hidden, tf.transpose(w)), 2))
    return tf.reshape(tf.mul(y, this.kCoefLip), x.shape)
  }

  /** Nothing to do: the effective kernel is no fixed point of this reparametrisation. */
  override condense(): void {}

  /** Two dense layers and an addition, as a small functional model. */
  override vanillaExport(): tf.LayersModel {
    const shape = this.builtShape().slice(1)
    const hidden = tf.layers.dense({ units: this.units, useBias: this.useBias, activation: 'relu' })
    const back = tf.layers.dense({ units: shape.at(-1)!, useBias: false })
    return residualModel(this.name, shape, this.kCoefLip, hidden, back, () =>
      tf.tidy(() => {
        const { kernel, bias } = this.effectiveWeights(false)
        hidden.setWeights(bias === undefined ? [kernel] : [kernel, bias])
        back.setWeights([tf.mul(tf.transpose(kernel), -2 * this.kCoefLip)])
      }),
    )
  }

  protected override vanillaLayer(): never {
    throw new Error('A residual block has no single plain layer.')
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units }
  }
}

registerLayer(SLLDense)
