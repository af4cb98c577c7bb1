/**
 * The samples of a run: loaded, in the model's layout and units, with their positions in the split.
 * @module
 */
import { readArrays } from '../data/arrays.ts'
import { loadDataset } from '../data/catalogue.ts'
import { createDataset, type Dataset, type Split, UNIT } from '../data/dataset.ts'
import type { DownloadOptions } from '../data/download.ts'
import { selectClasses } from '../data/select-classes.ts'
import { LipError } from '../errors.ts'

export interface Shard {
  /** 1-based. */
  readonly index: number
  readonly count: number
}

export interface SampleSource {
  /** Samples that are loaded already, in place of a dataset. */
  readonly data?: Dataset | undefined
  /** A dataset of the catalogue, a .npz file or a folder of images. */
  readonly dataset?: string | undefined
  readonly split?: Split | undefined
  readonly dataDir?: string | undefined
  /** Of the dataset, these classes only, numbered in this order: names, or positions. */
  readonly classes?: readonly string[] | undefined
  /** .npy files in place of a dataset. */
  readonly inputs?: string | undefined
  readonly labels?: string | undefined
  /** The first so many. */
  readonly samples?: number | undefined
  readonly shard?: Shard | undefined
  /** Interval that the model's inputs live in; pixels in [0, 1] are stretched to it. Default: the data's own, else [0, 1]. */
  readonly inputRange?: readonly [low: number, high: number] | undefined
  readonly env?: NodeJS.ProcessEnv
  readonly onProgress?: DownloadOptions['onProgress']
  readonly signal?: AbortSignal | undefined
}

/** Where a pixel lies in a sample, for data that is an image. */
export interface ImageLayout {
  readonly height: number
  readonly width: number
  readonly channels: number
  /** Position of a channel of pixel `place` (row-major). */
  at(channel: number, place: number): number
}

export interface Samples {
  readonly data: Dataset
  readonly image: ImageLayout | undefined
  /** Positions in the split that belong to this run, in order. */
  readonly indices: readonly number[]
  /** Interval that the model's inputs live in. */
  readonly range: readonly [low: number, high: number]
}

/** True when the options name data at all. */
export function namesData(source: SampleSource): boolean {
  return (
    source.data !== undefined ||
    source.dataset !== undefined ||
    source.inputs !== undefined ||
    source.labels !== undefined
  )
}

/**
 * Loads the samples for a model that takes `dims` (one sample, without the batch) and gives `classes` outputs.
 * @throws LipError USAGE for options that contradict each other, DATA_INVALID when data and model do not go together
 */
export async function loadSamples(source: SampleSource, dims: readonly number[], classes: number): Promise<Samples> {
  checkCount('--samples', source.samples)
  const { data, image } = await load(source, dims, classes)
  const range = source.inputRange ?? data.ownRange ?? UNIT
  const { index, count } = source.shard ?? { index: 1, count: 1 }
  // Round robin, so that shards are alike; whatever is random about a sample is keyed by its position in the split.
  const indices = Array.from({ length: data.count }, (_, i) => i).filter((i) => i % count === index - 1)
  if (indices.length === 0) {
    throw new LipError('DATA_INVALID', `Shard ${index}/${count} of ${data.count} samples is empty.`)
  }
  return { data, image, indices, range }
}

/** @throws LipError USAGE for a count of samples that is none: with no sample nothing was examined */
export function checkCount(option: string, count: number | undefined): void {
  if (count === undefined || (Number.isSafeInteger(count) && count > 0)) return
  throw new LipError('USAGE', `${option} must be a positive whole number, not ${count}.`)
}

interface Loaded {
  readonly data: Dataset
  readonly image: ImageLayout | undefined
}

async function load(source: SampleSource, dims: readonly number[], classes: number): Promise<Loaded> {
  if (source.inputs !== undefined || source.labels !== undefined) {
    if (source.classes !== undefined) {
      throw new LipError('USAGE', '--classes chooses among the classes of a dataset, not among --labels.')
    }
    if (source.dataset !== undefined) {
      throw new LipError('USAGE', 'Give either --dataset or --inputs with --labels, not both.')
    }
    if (source.inputs === undefined || source.labels === undefined) {
      throw new LipError('USAGE', '--inputs and --labels go together.')
    }
    // A binary head has one output for two classes.
    const data = await readArrays({
      ...source,
      inputs: source.inputs,
      labels: source.labels,
      dims,
      classes: Math.max(classes, 2),
    })
    return { data, image: guessLayout(dims) }
  }
  const loaded = source.data ?? (await loadNamed(source))
  if (loaded.classes.length > Math.max(classes, 2)) {
    throw new LipError(
      'DATA_INVALID',
      `'${loaded.name}' has ${loaded.classes.length} classes and the model ${classes} outputs.`,
    )
  }
  const fitted = arrange(loaded, dims)
  const [low, high] = source.inputRange ?? UNIT
  if (loaded.ownRange || (low === 0 && high === 1)) return fitted
  return { ...fitted, data: stretch(fitted.data, low, high) }
}

async function loadNamed({ classes, samples, ...source }: SampleSource): Promise<Dataset> {
  const request = { ...source, split: source.split ?? 'test' }
  if (classes === undefined) return loadDataset(source.dataset!, { ...request, samples })
  return selectClasses(await loadDataset(source.dataset!, request), classes, samples)
}

const channelsFirst = (channels: number, height: number, width: number): ImageLayout => ({
  channels,
  height,
  width,
  at: (channel, place) => channel * height * width + place,
})

const channelsLast = (channels: number, height: number, width: number): ImageLayout => ({
  channels,
  height,
  width,
  at: (channel, place) => place * channels + channel,
})

/** Three axes of which the first or the last is a number of colours are an image; anything else is not shown. */
function guessLayout(dims: readonly number[]): ImageLayout | undefined {
  const [a, b, c] = dims
  if (dims.length !== 3 || a === undefined || b === undefined || c === undefined) return undefined
  if (a === 1 || a === 3) return channelsFirst(a, b, c)
  return c === 1 || c === 3 ? channelsLast(c, a, b) : undefined
}

/** Images of a dataset, channels first, in the model's layout: as they are, flattened, or channels last. */
function arrange(data: Dataset, dims: readonly number[]): Loaded {
  const same = (a: readonly number[], b: readonly number[]) =>
    a.length === b.length && a.every((size, i) => size === b[i])
  const squeezed = (shape: readonly number[]) => shape.filter((size) => size !== 1)
  const [channels, height, width] = data.dims as readonly [number, number, number]
  const first = data.dims.length === 3 ? channelsFirst(channels, height, width) : undefined
  if (same(data.dims, dims)) return { data, image: first }
  if (!first) {
    // Samples that were flattened have the order of the model.
    if (data.dims.length === 1 && data.dims[0] === dims.reduce((a, b) => a * b, 1)) {
      return { data: createDataset({ ...data, dims }), image: guessLayout(dims) }
    }
    throw mismatch(data, dims)
  }
  const flat = channels * height * width
  if (same(dims, [flat]) || (channels === 1 && same(squeezed(data.dims), squeezed(dims)))) {
    return { data: createDataset({ ...data, dims }), image: first }
  }
  if (!same([height, width, channels], dims)) {
    throw mismatch(data, dims)
  }
  const last = channelsLast(channels, height, width)
  const images = new Float32Array(data.images.length)
  for (let start = 0; start < images.length; start += flat) {
    for (let channel = 0; channel < channels; channel++) {
      for (let place = 0; place < height * width; place++) {
        images[start + last.at(channel, place)] = data.images[start + first.at(channel, place)]!
      }
    }
  }
  return { data: createDataset({ ...data, dims, images }), image: last }
}

const mismatch = (data: Dataset, dims: readonly number[]) =>
  new LipError(
    'DATA_INVALID',
    `'${data.name}' holds samples of ${data.dims.join('x')}, but the model takes ${dims.join('x')}.`,
  )

/** [0, 1] to [low, high], rounded once to float32. */
function stretch(data: Dataset, low: number, high: number): Dataset {
  return createDataset({ ...data, images: data.images.map((value) => low + (high - low) * value) })
}
