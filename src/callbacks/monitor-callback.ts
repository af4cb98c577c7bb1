import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
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
  /** Step (batch or epoch) at which a resumed training goes on: records from there on are of work that was lost. */
  continueAt?: number
}

/**
 * Logs singular values of reshaped kernels, [prod(shape[:-1]), shape[-1]], in float64. `onBatch` switches `onEpoch` off, as in
 * deel-lip.
 */
export class MonitorCallback extends tf.Callback {
  private readonly options: Required<Omit<MonitorOptions, 'continueAt'>> & { readonly continueAt: number | undefined }
  private step: number

  constructor(options: MonitorOptions) {
    super()
    const { target = 'kernel', what = 'max', onEpoch = true, onBatch = false, continueAt } = options
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
    this.options = { ...options, target, what, onEpoch: onEpoch && !onBatch, onBatch, continueAt }
    this.step = continueAt ?? 0
  }

  override async onTrainBegin(): Promise<void> {
    this.layers()
    mkdirSync(this.options.logdir, { recursive: true })
    this.forgetLostSteps()
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
    const { target, what } = this.options
    for (const layer of this.layers()) {
      if (target === 'wbar') layer.refresh()
      const variable = (target === 'kernel' ? layer.kernel : layer.wbar).read()
      const columns = variable.shape.at(-1)!
      const values = singularValues(Float64Array.from(variable.dataSync()), variable.size / columns, columns)
      this.write({ step, layer: layer.name, target, ...(what === 'max' ? { max: values[0]! } : { all: [...values] }) })
    }
  }

  private write(record: MonitorRecord): void {
    const { logdir } = this.options
    appendFileSync(join(logdir, 'monitor.jsonl'), `${JSON.stringify(record)}\n`)
    if (record.max === undefined) return
    const event = scalarEvent(`${record.layer}/${record.target}/max`, record.step, record.max)
    appendFileSync(join(logdir, 'events.out.tfevents'), event)
  }

  /** Both files again from the records before the step at which training goes on. */
  private forgetLostSteps(): void {
    const { continueAt, logdir } = this.options
    const path = join(logdir, 'monitor.jsonl')
    if (continueAt === undefined || !existsSync(path)) return
    // What follows the last newline was cut off while it was written.
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
    rmSync(path)
    rmSync(join(logdir, 'events.out.tfevents'), { force: true })
    const records = lines.map((line) => JSON.parse(line) as MonitorRecord)
    for (const record of records) if (record.step < continueAt) this.write(record)
  }
}

interface MonitorRecord {
  readonly step: number
  readonly layer: string
  readonly target: string
  readonly max?: number
  readonly all?: readonly number[]
}
