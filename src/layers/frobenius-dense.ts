import { registerLayer } from './config/layer-registry.ts'
import { dense } from './kernels/dense.ts'
import { frobeniusNormalization } from './normalizers/frobenius-normalization.ts'
import { type EffectiveWeights, ReparametrisedLayer, type ReparametrisedOptions } from './reparametrised-layer.ts'
import { positiveInteger } from './spectral-dense.ts'
import * as tf from './tf.ts'

export interface FrobeniusDenseOptions extends ReparametrisedOptions {
  units: number
  /**
   * true (default): every column has norm `kCoefLip`, each output is kCoefLip-Lipschitz by itself and the vector up to
   * sqrt(units) times that. false: the whole kernel has that Frobenius norm, the vector map is kCoefLip-Lipschitz.
   */
  disjointNeurons?: boolean
}

/** Dense layer normalised by Frobenius norms. Input [..., in], output [..., units]; kernel [in, units]. */
export class FrobeniusDense extends ReparametrisedLayer {
  static className = 'FrobeniusDense'
  readonly units: number
  readonly disjointNeurons: boolean

  constructor(options: FrobeniusDenseOptions) {
    super(options, 'SpectralInitializer')
    this.units = positiveInteger(options.units, 'units', this.name)
    this.disjointNeurons = options.disjointNeurons ?? true
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

  protected override addState(): readonly tf.LayerVariable[] {
    return []
  }

  protected override reparametrise(kernel: tf.Tensor): EffectiveWeights {
    return { kernel: frobeniusNormalization(kernel, this.disjointNeurons, this.getCoef(), this.compat) }
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

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), units: this.units, disjoint_neurons: this.disjointNeurons }
  }
}

registerLayer(FrobeniusDense)
