import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { ReparametrisedLayer } from '../layers/reparametrised-layer.ts'
import * as tf from '../layers/tf.ts'
import { singularValues } from '../linalg/singular-values.ts'
import { scalarEvent } from './tensorboard-event.ts'

export interface MonitorOptions {
  monitoredLayers: readonly string[]
  /** Folder; gets monitor.jsonl, and a TensorBoard event file for scalars. */
  logdir: string
  target?: 'kernel' | 'wbar'
  /** The largest singular value, or all of them (JSONL only). */
  what?: 'max' | 'all'
  onEpoch?: boolean
  onBatch?: boolean
}

/**
 * Logs singular values of reshaped kernels, [prod(shape[:-1]), shape[-1]], in float64. `onBatch` switches `onEpoch` off, as in
 * deel-lip.
 */
export class MonitorCallback extends tf.Callback {
  private readonly options: Required<MonitorOptions>
  private step = 0

  constructor(options: MonitorOptions) {
    super()
    const { target = 'kernel', what = 'max', onEpoch = true, onBatch = false } = options
    if (target !== 'kernel' && target !== 'wbar') {
      throw new LipError(
        'CONFIG_INVALID',
        `[MonitorCallback] target must be 'kernel' or 'wbar', got ${JSON.stringify(target)}.`,
      )
    }
    if (what !== 'max' && what !== 'all') {
      throw new LipError(
        'CONFIG_INVALID',
        `[MonitorCallback] what must be 'max' or 'all', got ${JSON.stringify(what)}.`,
      )
    }
    this.options = { ...options, target, what, onEpoch: onEpoch && !onBatch, onBatch }
  }

  override async onTrainBegin(): Promise<void> {
    this.layers()
    mkdirSync(this.options.logdir, { recursive: true })
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    if (this.options.onEpoch) this.record(epoch)
  }

  override async onBatchEnd(): Promise<void> {
    if (this.options.onBatch) this.record(this.step++)
  }

  private layers(): ReparametrisedLayer[] {
    return this.options.monitoredLayers.map((name) => {
      const layer = this.model?.layers.find((candidate) => candidate.name === name)
      if (layer instanceof ReparametrisedLayer) return layer
      throw new LipError('CONFIG_INVALID', `[MonitorCallback] layer ${name} has no attribute ${this.options.target}`)
    })
  }

  private record(step: number): void {
    const { logdir, target, what } = this.options
    for (const layer of this.layers()) {
      if (target === 'wbar') layer.refresh()
      const variable = (target === 'kernel' ? layer.kernel : layer.wbar).read()
      const columns = variable.shape.at(-1)!
      const values = singularValues(Float64Array.from(variable.dataSync()), variable.size / columns, columns)
      const record = {
        step,
        layer: layer.name,
        target,
        ...(what === 'max' ? { max: values[0] } : { all: [...values] }),
      }
      appendFileSync(join(logdir, 'monitor.jsonl'), `${JSON.stringify(record)}\n`)
      if (what === 'max')
        appendFileSync(
          join(logdir, 'events.out.tfevents'),
          scalarEvent(`${layer.name}/${target}/max`, step, values[0]!),
        )
    }
  }
}
