/**
 * A .npz file as a dataset: the keys of Keras (x_train, y_train, x_test, y_test), of MedMNIST (train_images, train_labels, ...), or a
 * single pair (x and y, inputs and labels, ...).
 * @module
 */
import { basename } from 'node:path'
import { LipError } from '../errors.ts'
import { createDataset, type Dataset, type Split, scaleBytes, UNIT } from './dataset.ts'
import { type ReadLabels, readLabels } from './labels.ts'
import { type LocalRequest, namesOf } from './local-request.ts'
import type { NpyValue } from './npy.ts'
import { type NpzFile, readNpz } from './npz.ts'

type Pair = readonly [inputs: string, labels: string]

const pairsOf = (split: Split): readonly Pair[] =>
  namesOf(split).flatMap((name): readonly Pair[] => [
    [`x_${name}`, `y_${name}`],
    [`X_${name}`, `y_${name}`],
    [`${name}_images`, `${name}_labels`],
    [`${name}_x`, `${name}_y`],
    [`${name}_inputs`, `${name}_labels`],
    [`${name}_data`, `${name}_labels`],
  ])

/** Of a file that is not divided; arr_0 and arr_1 are what `np.savez(file, x, y)` writes. */
const WHOLE: readonly Pair[] = [
  ['x', 'y'],
  ['X', 'y'],
  ['inputs', 'labels'],
  ['images', 'labels'],
  ['data', 'labels'],
  ['data', 'target'],
  ['arr_0', 'arr_1'],
]

/** A label beyond this is no class number. */
const MOST_CLASSES = 1e5

/**
 * One split of a .npz file. Unsigned bytes are scaled to [0, 1]; other numbers are taken as they are.
 *
 * @throws LipError DATA_INVALID when keys are missing, shapes do not go together, or a label is no class
 */
export async function loadNpzSet(path: string, request: LocalRequest): Promise<Dataset> {
  const { split, testPath } = request
  const first = await readNpz(path)
  const second = testPath === undefined ? first : await readNpz(testPath)
  const file = split === 'test' ? second : first
  const pair = choosePair(file, split, request)
  const inputs = file.read(pair[0])
  const [count, ...given] = inputs.dims
  if (count === undefined || given.length === 0 || given.includes(0)) {
    throw new LipError(
      'DATA_INVALID',
      `'${pair[0]}' in '${file.path}' has shape (${inputs.dims.join(', ')}) where (samples, ...) is due.`,
    )
  }
  const all = file.read(pair[1])
  if (all.dims[0] !== count) {
    throw new LipError(
      'DATA_INVALID',
      `'${pair[1]}' in '${file.path}' holds ${all.dims[0] ?? 'no'} labels for the ${count} samples of '${pair[0]}'.`,
      { hint: 'Both must list the same samples in the same order.' },
    )
  }
  const found = readLabels(all, `${file.path}:${pair[1]}`)
  const wanted = Math.min(request.samples ?? count, count)
  const { dims, images } = channelsFirst(inputs, wanted, { ...request, what: `'${pair[0]}' in '${file.path}'` })
  return createDataset({
    name: basename(path),
    split,
    dims,
    classes: request.classNames ?? classesOf([found, ...otherLabels([first, second], file, pair)]),
    images,
    labels: found.labels.slice(0, wanted),
    source: `${file.path}: ${pair.join(', ')}`,
    ...(inputs.dtype !== 'u1' && { ownRange: UNIT }),
  })
}

function choosePair(file: NpzFile, split: Split, { requireSplit, testPath }: LocalRequest): Pair {
  const keys = new Set(file.keys)
  const own = pairsOf(split)
  const whole = WHOLE.find(([x, y]) => keys.has(x) && keys.has(y))
  const found = own.find(([x, y]) => keys.has(x) && keys.has(y))
  if (found) return found
  const divided = (['train', 'test'] as const).some((name) => pairsOf(name).some(([x]) => keys.has(x)))
  const single = split === 'test' && testPath !== undefined
  if (whole && !divided && (!requireSplit || single)) return whole
  const half = [...own, ...WHOLE].find(([x, y]) => keys.has(x) !== keys.has(y))
  const names = `(it holds ${file.keys.join(', ') || 'no arrays'})`
  if (whole && !divided) {
    throw new LipError(
      'DATA_INVALID',
      `'${file.path}' is not divided into train and test: it holds one set of samples.`,
      {
        hint: 'Name a second file for the test split with data.testPath, or write x_train, y_train, x_test and y_test.',
      },
    )
  }
  if (half) {
    const [there, missing] = keys.has(half[0]) ? half : [half[1], half[0]]
    throw new LipError('DATA_INVALID', `'${file.path}' holds '${there}' and no '${missing}' ${names}.`)
  }
  throw new LipError('DATA_INVALID', `'${file.path}' holds no samples of the ${split} split ${names}.`, {
    hint: `Name them x_${split} and y_${split}, or ${split}_images and ${split}_labels; a file with one set holds x and y.`,
  })
}

/** Labels of the other splits: a class that this split lacks is one all the same. */
function otherLabels(files: readonly NpzFile[], read: NpzFile, used: Pair): readonly ReadLabels[] {
  return [...new Set(files)].flatMap((file) => {
    const keys = new Set(file.keys)
    const pairs = [...pairsOf('train'), ...pairsOf('test'), ...WHOLE].filter(([x, y]) => keys.has(x) && keys.has(y))
    const labels = new Set(pairs.map(([, y]) => y))
    if (file === read) labels.delete(used[1])
    return [...labels].map((key) => readLabels(file.read(key), `${file.path}:${key}`))
  })
}

/** Classes by number, two at least. */
function classesOf(found: readonly ReadLabels[]): readonly string[] {
  const count = Math.max(2, ...found.map(({ classes }) => classes))
  if (count <= MOST_CLASSES) return Array.from({ length: count }, (_, i) => String(i))
  throw new LipError('DATA_INVALID', `The largest label is ${count - 1}, which is no class number.`)
}

/** The first samples as float32 with channels first, `[height, width]` as one channel. */
function channelsFirst(
  { dims, data, dtype }: NpyValue,
  count: number,
  { layout, what }: Pick<LocalRequest, 'layout'> & { readonly what: string },
): { readonly dims: readonly number[]; readonly images: Float32Array } {
  const given = dims.slice(1)
  const size = given.reduce((a, b) => a * b, 1)
  const values = new Float32Array(count * size)
  for (let i = 0; i < values.length; i++) values[i] = data[i]!
  // Bytes are exact in float32.
  const images = dtype === 'u1' ? scaleBytes(new Uint8Array(values)) : values
  if (given.length === 2) return { dims: [1, ...given], images }
  if (given.length !== 3) return { dims: given, images }
  if ((layout ?? guessLayout(given, what)) === 'channels-first') return { dims: given, images }
  const [height, width, channels] = given as [number, number, number]
  return { dims: [channels, height, width], images: swapLayout(images, height * width, channels) }
}

/** Channels last to channels first, sample by sample. */
function swapLayout(images: Float32Array, plane: number, channels: number): Float32Array {
  if (channels === 1) return images
  const out = new Float32Array(images.length)
  for (let start = 0; start < images.length; start += plane * channels) {
    for (let place = 0; place < plane; place++) {
      for (let c = 0; c < channels; c++) out[start + c * plane + place] = images[start + place * channels + c]!
    }
  }
  return out
}

/** One axis of 1 or 3 at an end of the shape is that of the channels. */
function guessLayout(given: readonly number[], what: string): NonNullable<LocalRequest['layout']> {
  const colours = (size: number | undefined) => size === 1 || size === 3
  const [first, last] = [colours(given[0]), colours(given[2])]
  if (first !== last) return last ? 'channels-last' : 'channels-first'
  throw new LipError(
    'DATA_INVALID',
    `${what} holds samples of ${given.join('x')}, whose channels may be first or last.`,
    {
      hint: 'Say which with data.layout of a configuration: channels-last or channels-first.',
    },
  )
}
