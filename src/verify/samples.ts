/**
 * The samples of a run: loaded, in the model's layout and units, with their positions in the split.
 * @module
 */
import { readArrays } from '../data/arrays.ts'
import { loadDataset } from '../data/catalogue.ts'
import { createDataset, type Dataset, type Split } from '../data/dataset.ts'
import type { DownloadOptions } from '../data/download.ts'
import { LipError } from '../errors.ts'

export interface Shard {
  /** 1-based. */
  readonly index: number
  readonly count: number
}

export interface SampleSource {
  /** A dataset of the catalogue. */
  readonly dataset?: string | undefined
  readonly split?: Split | undefined
  readonly dataDir?: string | undefined
  /** .npy files in place of a dataset. */
  readonly inputs?: string | undefined
  readonly labels?: string | undefined
  /** The first so many. */
  readonly samples?: number | undefined
  readonly shard?: Shard | undefined
  /** Interval that the model's inputs live in; images in [0, 1] are stretched to it. */
  readonly inputRange?: readonly [low: number, high: number] | undefined
  readonly env?: NodeJS.ProcessEnv
  readonly onProgress?: DownloadOptions['onProgress']
  readonly signal?: AbortSignal | undefined
}

export interface Samples {
  readonly data: Dataset
  /** Positions in the split that belong to this run, in order. */
  readonly indices: readonly number[]
}

/** True when the options name data at all. */
export function namesData(source: SampleSource): boolean {
  return source.dataset !== undefined || source.inputs !== undefined || source.labels !== undefined
}

/**
 * Loads the samples for a model that takes `dims` (one sample, without the batch) and gives `classes` outputs.
 * @throws LipError USAGE for options that contradict each other, DATA_INVALID when data and model do not go together
 */
export async function loadSamples(source: SampleSource, dims: readonly number[], classes: number): Promise<Samples> {
  const { samples } = source
  if (samples !== undefined && !(Number.isSafeInteger(samples) && samples > 0)) {
    throw new LipError('USAGE', `--samples must be a positive whole number, not ${samples}.`)
  }
  const data = await load(source, dims, classes)
  const { index, count } = source.shard ?? { index: 1, count: 1 }
  // Round robin, so that shards are alike; whatever is random about a sample is keyed by its position in the split.
  const indices = Array.from({ length: data.count }, (_, i) => i).filter((i) => i % count === index - 1)
  if (indices.length === 0) {
    throw new LipError('DATA_INVALID', `Shard ${index}/${count} of ${data.count} samples is empty.`)
  }
  return { data, indices }
}

async function load(source: SampleSource, dims: readonly number[], classes: number): Promise<Dataset> {
  if (source.inputs !== undefined || source.labels !== undefined) {
    if (source.dataset !== undefined)
      throw new LipError('USAGE', 'Give either --dataset or --inputs with --labels, not both.')
    if (source.inputs === undefined || source.labels === undefined) {
      throw new LipError('USAGE', '--inputs and --labels go together.')
    }
    return readArrays({ ...source, inputs: source.inputs, labels: source.labels, dims, classes })
  }
  const loaded = await loadDataset(source.dataset!, { ...source, split: source.split ?? 'test' })
  const fitted = arrange(loaded, dims)
  // A binary head has one output for two classes.
  if (loaded.classes.length > Math.max(classes, 2)) {
    throw new LipError(
      'DATA_INVALID',
      `'${loaded.name}' has ${loaded.classes.length} classes and the model ${classes} outputs.`,
    )
  }
  const [low, high] = source.inputRange ?? [0, 1]
  return low === 0 && high === 1 ? fitted : { ...stretch(fitted, low, high) }
}

/** Channels first to the model's layout: as it is, flattened, or channels last. */
function arrange(data: Dataset, dims: readonly number[]): Dataset {
  const same = (a: readonly number[], b: readonly number[]) =>
    a.length === b.length && a.every((size, i) => size === b[i])
  const flat = data.dims.reduce((a, b) => a * b, 1)
  const squeezed = (shape: readonly number[]) => shape.filter((size) => size !== 1)
  if (same(data.dims, dims)) return data
  if (same(squeezed(data.dims), squeezed(dims)) || same(dims, [flat])) return createDataset({ ...data, dims })
  const [channels = 1, ...spatial] = data.dims
  if (!same([...spatial, channels], dims)) {
    throw new LipError(
      'DATA_INVALID',
      `'${data.name}' holds samples of ${data.dims.join('x')}, but the model takes ${dims.join('x')}.`,
    )
  }
  const plane = flat / channels
  const images = new Float32Array(data.images.length)
  for (let start = 0; start < images.length; start += flat) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) images[start + p * channels + c] = data.images[start + c * plane + p]!
    }
  }
  return createDataset({ ...data, dims, images })
}

/** [0, 1] to [low, high], rounded once to float32. */
function stretch(data: Dataset, low: number, high: number): Dataset {
  return createDataset({ ...data, images: data.images.map((value) => low + (high - low) * value) })
}
