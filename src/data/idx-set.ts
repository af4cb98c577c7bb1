/**
 * Datasets of 28x28 grey images in MNIST's four IDX files.
 * @module
 */
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { datasetCache } from './cache.ts'
import { createDataset, type Dataset, type Split, scaleBytes } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'
import { download, sha256 } from './download.ts'
import { decompress } from './gzip.ts'
import { type IdxArray, parseIdx } from './idx.ts'
import { locate } from './locate.ts'
import { readBytes } from './read-bytes.ts'

const FILES = {
  train: ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'],
  test: ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'],
} as const

export interface IdxSet {
  readonly name: string
  readonly title: string
  readonly classes: readonly string[]
  readonly licence: string
  /** Folders on the web that hold the four files with .gz appended, best first. */
  readonly homes: readonly string[]
  /** SHA-256 of each decompressed file: images, labels. */
  readonly sha256: Readonly<Record<Split, readonly [images: string, labels: string]>>
}

async function fetchSplit(set: IdxSet, request: DatasetRequest): Promise<readonly string[]> {
  const folder = datasetCache(set.name, request.env)
  const paths: string[] = []
  for (const [position, file] of FILES[request.split].entries()) {
    const target = join(folder, `${file}.gz`)
    await download(
      {
        urls: set.homes.map((home) => `${home}/${file}.gz`),
        target,
        sha256: set.sha256[request.split][position]!,
        decompressed: true,
      },
      request,
    )
    paths.push(target)
  }
  return paths
}

async function readSplit(set: IdxSet, request: DatasetRequest): Promise<Dataset> {
  const names = FILES[request.split].map((file) => [`${file}.gz`, file])
  const located = await locate(set.name, names, request)
  if (!located && request.offline) {
    throw new LipError('DATA_UNAVAILABLE', `${set.title} is neither in LIP_ONNX_DATA nor in the cache.`, {
      hint: `Run \`lip-onnx data ${set.name}\` once, or name a folder with --data-dir.`,
    })
  }
  const paths = located?.paths ?? (await fetchSplit(set, request))
  const contents: IdxArray[] = []
  const original: boolean[] = []
  for (const [position, path] of paths.entries()) {
    const bytes = decompress(await readBytes(path), path)
    contents.push(parseIdx(bytes, path))
    original.push(sha256(bytes) === set.sha256[request.split][position])
  }
  const [images, labels] = contents as [IdxArray, IdxArray]
  if (images.dims.length !== 3 || images.dims[1] !== 28 || images.dims[2] !== 28) {
    throw new LipError('DATA_INVALID', `'${paths[0]}' holds an array of ${images.dims.join('x')} where Nx28x28 is due.`)
  }
  if (labels.dims.length !== 1) {
    throw new LipError(
      'DATA_INVALID',
      `'${paths[1]}' holds an array of ${labels.dims.join('x')} where a list of labels is due.`,
    )
  }
  if (labels.dims[0] !== images.dims[0]) {
    throw new LipError(
      'DATA_INVALID',
      `'${paths[1]}' holds ${labels.dims[0]} labels for the ${images.dims[0]} images of '${paths[0]}'.`,
      {
        hint: 'Images and labels must be of the same split.',
      },
    )
  }
  const untouched = original.every(Boolean)
  if (!untouched && located?.origin === 'cache') {
    throw new LipError(
      'DATA_INVALID',
      `The cached files of ${set.title} in '${located.folder}' differ from the published ones.`,
      {
        hint: `Run \`lip-onnx data ${set.name} --force\` to download them again.`,
      },
    )
  }
  const wanted = Math.min(request.samples ?? Number.POSITIVE_INFINITY, images.dims[0]!)
  return createDataset({
    name: set.name,
    split: request.split,
    dims: [1, 28, 28],
    classes: set.classes,
    images: scaleBytes(images.data.subarray(0, wanted * 784)),
    labels: Int32Array.from(labels.data.subarray(0, wanted)),
    source: untouched ? 'original files, SHA-256 checked' : 'local files that differ from the published ones',
  })
}

/** Makes a dataset of the catalogue from the facts about it. */
export function idxSet(set: IdxSet): DatasetDefinition {
  return {
    name: set.name,
    title: set.title,
    licence: set.licence,
    sizes: { train: 60_000, test: 10_000 },
    load: (request) => readSplit(set, request),
    async fetch(request) {
      await fetchSplit(set, { ...request, split: 'train' })
      await fetchSplit(set, { ...request, split: 'test' })
    },
  }
}
