import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { dense } from './kernels/dense.ts'
import { SpectralLayer, type SpectralOptions } from './spectral-layer.ts'
import * as tf from './tf.ts'

export interface SpectralDenseOptions extends SpectralOptions {
  units: number
}

/**
 * Dense layer whose effective kernel has spectral norm at most `kCoefLip` (all singular values equal to it, nearly, with
 * Björck). Input [..., in], output [..., units]; kernel [in, units].
 */
export class SpectralDense extends SpectralLayer {
  static className = 'SpectralDense'
  readonly units: number

  constructor(options: SpectralDenseOptions) {
    super(options)
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
    return { ...super.getConfig(), units: this.units }
  }
}

registerLayer(SpectralDense)

export function positiveInteger(value: unknown, what: string, layer: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value
  throw new LipError(
    'CONFIG_INVALID',
    `${what} of layer "${layer}" must be a positive integer, got ${JSON.stringify(value)}.`,
  )
}
