/**
 * What a training run is made of: everything that decides its result, as plain JSON. Written to the run folder and read by
 * `--resume`; schemas/train.schema.json is the same contract for readers.
 * @module
 */
import type { Augmentation } from './augment.ts'
import type { Target } from './best-epoch.ts'
import type { Schedule } from './schedule.ts'

export interface LayerConfig {
  /** deel-lip's class name: 'SpectralConv2D', 'GroupSort', 'Flatten', ... */
  readonly className: string
  /** Configuration keys of the layer, as deel-lip writes them (snake_case). */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface DataConfig {
  /** Of the catalogue; or 'npz' or 'images' for data of the user's own, with `path`. */
  readonly name: string
  /** A .npz file, or a folder with one subfolder of PNG files a class; relative to --data-dir where given, else to the current folder. */
  readonly path?: string
  /** A second one that holds the test split, where `path` is not divided into splits. */
  readonly testPath?: string
  /** Order of the axes of images in a .npz file; default as their sizes say. */
  readonly layout?: 'channels-last' | 'channels-first'
  /** Names of the classes of a .npz file, by number; default their numbers. */
  readonly classNames?: readonly string[]
  /** Use only the first so many samples of each split; absent = all. */
  readonly trainSamples?: number
  readonly testSamples?: number
  /** Keep these classes only, numbered in this order: names, or positions in the set's own list. */
  readonly classes?: readonly (string | number)[]
  /** Changes to training samples, drawn anew each epoch. */
  readonly augmentation?: Augmentation
}

export interface CallbackConfig {
  readonly className: 'CondenseCallback' | 'MonitorCallback' | 'LossParamScheduler' | 'LossParamLog'
  /** deel-lip's arguments (snake_case). */
  readonly config?: Readonly<Record<string, unknown>>
}

export interface OptimizerConfig {
  readonly name: 'adam' | 'sgd'
  readonly learningRate: number
  readonly schedule?: Schedule
  /** Adam's; defaults .9, .999, 1e-7. */
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
  /** Of sgd; defaults 0 and false. */
  readonly momentum?: number
  readonly nesterov?: boolean
}

export interface TrainingConfig {
  readonly name: string
  readonly data: DataConfig
  readonly network: {
    /** Of one sample, channels last: [height, width, channels] or [features]. */
    readonly inputShape: readonly number[]
    readonly kCoefLip: number
    /** 'strict': coefficients are bounds. The others reproduce deel-lip (1.5, or 1.2 as in the notebook). */
    readonly mode: 'strict' | 'deel-lip' | 'deel-lip-1.2'
    readonly layers: readonly LayerConfig[]
  }
  readonly loss: { readonly className: string; readonly config?: Readonly<Record<string, unknown>> }
  readonly optimizer: OptimizerConfig
  readonly callbacks?: readonly CallbackConfig[]
  /** Stops when the target has not improved by more than `minDelta` for `patience` epochs. */
  readonly earlyStopping?: Target & { readonly patience: number; readonly minDelta?: number }
  /** Keeps the best epoch in checkpoints/best.npz and exports that one; true = by val_accuracy. */
  readonly keepBest?: boolean | Target
  /** Certified accuracy on test samples after every `every`-th epoch: the exported network, proved as `verify` does. */
  readonly certify?: { readonly radii: readonly number[]; readonly samples?: number; readonly every?: number }
  readonly batchSize: number
  readonly epochs: number
  readonly seed: number
}
