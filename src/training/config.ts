/**
 * What a training run is made of: everything that decides its result, as plain JSON. Written to the run folder and read by `--resume`.
 * @module
 */
import type { Schedule } from './schedule.ts'

export interface LayerConfig {
  /** deel-lip's class name: 'SpectralConv2D', 'GroupSort', 'Flatten', ... */
  readonly className: string
  /** Configuration keys of the layer, as deel-lip writes them (snake_case). */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface TrainingConfig {
  readonly name: string
  readonly data: {
    readonly name: string
    /** Use only the first so many samples of each split; absent = all. */
    readonly trainSamples?: number
    readonly testSamples?: number
  }
  readonly network: {
    /** Of one sample, channels last: [height, width, channels] or [features]. */
    readonly inputShape: readonly number[]
    readonly kCoefLip: number
    /** 'strict': coefficients are bounds. The others reproduce deel-lip (1.5, or 1.2 as in the notebook). */
    readonly mode: 'strict' | 'deel-lip' | 'deel-lip-1.2'
    readonly layers: readonly LayerConfig[]
  }
  readonly loss: { readonly className: string; readonly config?: Readonly<Record<string, unknown>> }
  readonly optimizer: {
    readonly name: 'adam' | 'sgd'
    readonly learningRate: number
    readonly schedule?: Schedule
    readonly momentum?: number
  }
  readonly batchSize: number
  readonly epochs: number
  readonly seed: number
}
