import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { deriveSeed } from './derive-seed.ts'
import {
  type InitializerIdentifier,
  resolveInitializer,
  serializeInitializer,
} from './initializers/resolve-initializer.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape, toDataFormat } from './lipschitz-layer.ts'
import { constant } from './normalizers/constant.ts'
import * as tf from './tf.ts'

export interface HouseholderOptions extends LipschitzOptions {
  dataFormat?: string | null
  /** Default: the constant pi / 2, which makes it a sort of pairs. */
  thetaInitializer?: InitializerIdentifier | null
  seed?: number
}

/**
 * Pairs (z1, z2) of the first and second half of the channels; where z1 sin(theta / 2) <= z2 cos(theta / 2) they pass, else
 * they are reflected at that line. A continuous piecewise isometry: 1-Lipschitz, idempotent. (Singla, Singla, Feizi 2021.)
 *
 * Strict multiplies by kCoefLip; deel-lip ignores it.
 */
export class Householder extends LipschitzLayer {
  static className = 'Householder'
  readonly dataFormat: string
  private readonly thetaInitializer: tf.Initializer
  private theta!: tf.LayerVariable

  constructor(options: HouseholderOptions = {}) {
    super(options)
    this.dataFormat = toDataFormat(options.dataFormat ?? 'channels_last')
    if (this.dataFormat !== 'channels_last') {
      throw new LipError('CONFIG_INVALID', "Only 'channels_last' data format is supported")
    }
    this.thetaInitializer = resolveInitializer(
      options.thetaInitializer ?? { class_name: 'Constant', config: { value: Math.PI / 2 } },
      deriveSeed(options.seed ?? 0, this.name, 'theta'),
    )
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = singleShape(inputShape).at(-1)
    if (channels == null || channels % 2 !== 0) {
      throw new LipError('CONFIG_INVALID', '2 has to be a divisor of the number of channels')
    }
    this.theta = this.addWeight('theta', [channels / 2], 'float32', this.thetaInitializer as never)
    super.build(inputShape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const x = single(inputs)
      const theta = this.theta.read()
      const [z1, z2] = tf.split(x, 2, -1) as [tf.Tensor, tf.Tensor]
      const half = tf.div(theta, 2)
      // The choice is a constant of the gradient, and 1 or 0 exactly.
      const pass = constant([z1, z2, half], (a, b, h) =>
        tf.cast(tf.lessEqual(tf.sub(tf.mul(a!, tf.sin(h!)), tf.mul(b!, tf.cos(h!))), 0), 'float32'),
      )
      const reflect = tf.sub(1, pass)
      const cos = tf.cos(theta)
      const sin = tf.sin(theta)
      const first = tf.add(tf.mul(pass, z1), tf.mul(reflect, tf.add(tf.mul(z1, cos), tf.mul(z2, sin))))
      const second = tf.add(tf.mul(pass, z2), tf.mul(reflect, tf.sub(tf.mul(z1, sin), tf.mul(z2, cos))))
      const y = tf.concat([first, second], -1)
      return this.compat === null ? tf.mul(y, this.kCoefLip) : y
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      data_format: this.dataFormat,
      theta_initializer: serializeInitializer(this.thetaInitializer) as unknown as tf.serialization.ConfigDict,
    }
  }
}

registerLayer(Householder)
