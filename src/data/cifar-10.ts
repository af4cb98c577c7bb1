/**
 * CIFAR-10 in its binary version: records of one label byte and 3072 pixel bytes, channels first.
 * @module
 */
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { datasetCache } from './cache.ts'
import { createDataset, type Dataset, type Split, scaleBytes } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'
import { download, sha256 } from './download.ts'
import { decompress } from './gzip.ts'
import { locate } from './locate.ts'
import { readBytes } from './read-bytes.ts'
import { untar } from './tar.ts'

const PIXELS = 3 * 32 * 32
const RECORD = 1 + PIXELS
const ARCHIVE = 'cifar-10-binary.tar.gz'
const FOLDER = 'cifar-10-batches-bin'
const HOME = `https://www.cs.toronto.edu/~kriz/${ARCHIVE}`
const ARCHIVE_SHA256 = 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd'

/** SHA-256 by file, in the order of the split. */
const FILES: Readonly<Record<Split, readonly (readonly [file: string, sha256: string])[]>> = {
  train: [
    ['data_batch_1.bin', 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5'],
    ['data_batch_2.bin', 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed'],
    ['data_batch_3.bin', 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67'],
    ['data_batch_4.bin', '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48'],
    ['data_batch_5.bin', '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add'],
  ],
  test: [['test_batch.bin', '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b']],
}

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

/** The files of a split: unpacked ones first, else out of the archive, local, cached or downloaded. */
async function batches(request: DatasetRequest): Promise<readonly (readonly [path: string, bytes: Uint8Array])[]> {
  const names = FILES[request.split].map(([file]) => file)
  const subfolders = [FOLDER, join('cifar-10', FOLDER)]
  const archive = await locateArchive(request)
  const unpacked = archive
    ? undefined
    : await locate(
        'cifar-10',
        names.map((name) => [name]),
        { ...request, subfolders },
      )
  if (unpacked) return Promise.all(unpacked.paths.map(async (path) => [path, await readBytes(path)] as const))
  if (!archive && request.offline) {
    throw new LipError('DATA_UNAVAILABLE', 'CIFAR-10 is neither in LIP_ONNX_DATA nor in the cache.', {
      hint: 'Run `lip-onnx data cifar-10` once, or name a folder with --data-dir.',
    })
  }
  const path = archive ?? (await fetchArchive(request))
  const files = untar(decompress(await readBytes(path), path), path)
  return names.map((name) => {
    const bytes = files.get(`${FOLDER}/${name}`)
    if (!bytes) throw new LipError('DATA_INVALID', `The archive '${path}' lacks ${FOLDER}/${name}.`)
    return [`${path}:${name}`, bytes] as const
  })
}

/** The archive where it lies already; a folder given by hand may hold the unpacked files instead. */
async function locateArchive(request: DatasetRequest): Promise<string | undefined> {
  try {
    return (await locate('cifar-10', [[ARCHIVE]], request))?.paths[0]
  } catch (error) {
    if (error instanceof LipError && error.code === 'DATA_UNAVAILABLE') return undefined
    throw error
  }
}

async function fetchArchive(request: Omit<DatasetRequest, 'split'>): Promise<string> {
  const target = join(datasetCache('cifar-10', request.env), ARCHIVE)
  await download({ urls: [HOME], target, sha256: ARCHIVE_SHA256, decompressed: false }, request)
  return target
}

async function readSplit(request: DatasetRequest): Promise<Dataset> {
  const files = await batches(request)
  for (const [path, bytes] of files) {
    if (bytes.length === 0 || bytes.length % RECORD !== 0) {
      throw new LipError(
        'DATA_INVALID',
        `'${path}' holds ${bytes.length} bytes, which is no multiple of CIFAR-10's ${RECORD}.`,
      )
    }
  }
  const untouched = files.every(([, bytes], i) => sha256(bytes) === FILES[request.split][i]![1])
  const whole = Buffer.concat(files.map(([, bytes]) => bytes))
  const count = Math.min(request.samples ?? Number.POSITIVE_INFINITY, whole.length / RECORD)
  const pixels = new Uint8Array(count * PIXELS)
  const labels = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    labels[i] = whole[i * RECORD]!
    pixels.set(whole.subarray(i * RECORD + 1, (i + 1) * RECORD), i * PIXELS)
  }
  return createDataset({
    name: 'cifar-10',
    split: request.split,
    dims: [3, 32, 32],
    classes: CLASSES,
    images: scaleBytes(pixels),
    labels,
    source: untouched ? 'original files, SHA-256 checked' : 'local files that differ from the published ones',
  })
}

/** Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. */
export const cifar10: DatasetDefinition = {
  name: 'cifar-10',
  title: 'CIFAR-10',
  licence: 'none stated; Alex Krizhevsky, Vinod Nair, Geoffrey Hinton',
  sizes: { train: 50_000, test: 10_000 },
  load: readSplit,
  fetch: async (request) => {
    await fetchArchive(request)
  },
}
