import { registerLayer } from './config/layer-registry.ts'
import { checkDataFormat, type DataFormat } from './conv-options.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface LayerCenteringOptions extends LipschitzOptions {
  dataFormat?: string | null
  useBias?: boolean
}

/** Subtracts each channel's mean over the image (an orthogonal projection, 1-Lipschitz), adds a bias per channel; times kCoefLip. */
export class LayerCentering extends LipschitzLayer {
  static className = 'LayerCentering'
  readonly dataFormat: DataFormat
  readonly useBias: boolean
  private bias: tf.LayerVariable | null = null

  constructor(options: LayerCenteringOptions = {}) {
    super(options)
    this.dataFormat = checkDataFormat(options.dataFormat)
    this.useBias = options.useBias ?? true
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const shape = singleShape(inputShape)
    const channels = this.dataFormat === 'channels_last' ? shape.at(-1)! : shape[1]!
    if (this.useBias) this.bias = this.addWeight('bias', [channels], 'float32', tf.initializers.zeros())
    super.build(inputShape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      const last = this.dataFormat === 'channels_last'
      const axes = x.shape.map((_, axis) => axis).slice(1)
      const spatial = last ? axes.slice(0, -1) : axes.slice(1)
      const centred = tf.sub(x, tf.mean(x, spatial, true))
      if (this.bias === null) return tf.mul(centred, this.kCoefLip)
      const bias = tf.reshape(this.bias.read(), last ? [-1] : [-1, ...spatial.map(() => 1)])
      return tf.add(tf.mul(centred, this.kCoefLip), bias)
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), data_format: this.dataFormat, use_bias: this.useBias }
  }
}

registerLayer(LayerCentering)
