import { LipError } from '../errors.ts'
import { registerLayer } from './config/layer-registry.ts'
import { groupSort } from './kernels/group-sort.ts'
import { LipschitzLayer, type LipschitzOptions, single, singleShape, toDataFormat } from './lipschitz-layer.ts'
import * as tf from './tf.ts'

export interface GroupSortOptions extends LipschitzOptions {
  /** Channels per group; null or more than there are: all of them. */
  n?: number | null
  dataFormat?: string | null
}

/**
 * Sorts groups of `n` consecutive channels (last axis) in ascending order, times `kCoefLip`. A permutation at every point:
 * norm-preserving, 1-Lipschitz in every p-norm, gradients of norm 1. (Anil, Lucas, Grosse 2019.)
 */
export class GroupSort extends LipschitzLayer {
  static className = 'GroupSort'
  readonly n: number | null
  readonly dataFormat: string

  constructor(options: GroupSortOptions = {}) {
    super(options)
    this.n = options.n ?? null
    this.dataFormat = toDataFormat(options.dataFormat ?? 'channels_last')
    if (this.dataFormat === 'channels_first') {
      throw new LipError('CONFIG_INVALID', 'channels_first not implemented for GroupSort activation')
    }
    if (this.dataFormat !== 'channels_last') throw new LipError('CONFIG_INVALID', 'data format not understood')
    if (this.n !== null && !(Number.isInteger(this.n) && this.n > 0)) {
      throw new LipError('CONFIG_INVALID', `n of layer "${this.name}" must be a positive integer, got ${this.n}.`)
    }
  }

  protected override computeLipCoef(): number {
    return 1
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = singleShape(inputShape).at(-1)
    if (channels != null) this.groupSize(channels)
    super.build(inputShape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
    const x = single(inputs)
    return tf.tidy(() => groupSort(x, this.groupSize(x.shape.at(-1)!), this.kCoefLip))
  }

  private groupSize(channels: number): number {
    const n = this.n === null || this.n > channels ? channels : this.n
    if (channels % n !== 0) throw new LipError('CONFIG_INVALID', 'self.n has to be a divisor of the number of channels')
    return n
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), n: this.n, data_format: this.dataFormat }
  }
}

registerLayer(GroupSort)
