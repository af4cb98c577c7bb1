/**
 * Options that name data and where to run, shared by `verify` and `attack`.
 * @module
 */
import { LipError } from '../errors.ts'
import type { SampleSource, Shard } from '../verify/samples.ts'
import { downloadProgress } from './download-progress.ts'
import type { Io } from './io.ts'

/** Heading of these options in the help. */
const group = 'Data:'

export const DATA_OPTIONS = {
  dataset: {
    group,
    type: 'string',
    describe:
      'fashion-mnist, mnist, cifar-10, shapes, two-moons; a .npz file; or a folder of PNGs, a subfolder a class',
  },
  split: { group, choices: ['train', 'test'], default: 'test', describe: 'Split of it' },
  classes: { group, type: 'string', describe: 'Only these classes of it, numbered in this order: 0,8' },
  samples: { group, type: 'number', describe: 'The first so many samples', defaultDescription: 'all' },
  'data-dir': {
    group,
    type: 'string',
    describe: 'Folder with the original files (else LIP_ONNX_DATA, else the cache)',
  },
  inputs: { group, type: 'string', describe: 'Inputs as .npy, in place of a dataset' },
  labels: { group, type: 'string', describe: 'Labels as .npy' },
  'input-range': {
    group,
    type: 'string',
    describe: 'Interval of the model inputs, LO,HI; pixels are stretched to it',
    defaultDescription: '0,1',
  },
  shard: { group, type: 'string', describe: 'Only part i of n of the samples: i/n' },
  seed: { type: 'number', default: 0, describe: 'Seed of everything random' },
  provider: {
    choices: ['auto', 'cuda', 'webgpu', 'cpu'],
    default: 'auto',
    describe: 'Execution provider of onnxruntime',
  },
} as const

interface DataArguments {
  readonly dataset?: string | undefined
  readonly split: 'train' | 'test'
  readonly classes?: string | undefined
  readonly samples?: number | undefined
  readonly dataDir?: string | undefined
  readonly inputs?: string | undefined
  readonly labels?: string | undefined
  readonly inputRange?: string | undefined
  readonly shard?: string | undefined
}

/** `LO,HI` as two numbers. @throws LipError USAGE */
export function parseRange(text: string): readonly [number, number] {
  const parts = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  const [low, high] = parts
  if (parts.length !== 2 || !Number.isFinite(low) || !Number.isFinite(high) || low! >= high!) {
    throw new LipError('USAGE', `--input-range '${text}' is not of the form LO,HI with LO below HI.`, {
      hint: 'A negative lower end needs an equals sign: --input-range=-1,1',
    })
  }
  return [low!, high!]
}

/** `i/n` with 1 <= i <= n. @throws LipError USAGE */
export function parseShard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(text)
  const index = Number(match?.[1])
  const count = Number(match?.[2])
  if (!match || index < 1 || index > count) {
    throw new LipError('USAGE', `--shard '${text}' is not of the form i/n with i from 1 to n.`)
  }
  return { index, count }
}

/** What the options say about data, with download progress. Call `end` when loaded. */
export function sampleSource(args: DataArguments, io: Io): { readonly source: SampleSource; end(): void } {
  const watch = downloadProgress(io)
  return {
    source: {
      dataset: args.dataset,
      split: args.split,
      classes: args.classes?.split(','),
      samples: args.samples,
      dataDir: args.dataDir,
      inputs: args.inputs,
      labels: args.labels,
      inputRange: args.inputRange === undefined ? undefined : parseRange(args.inputRange),
      shard: args.shard === undefined ? undefined : parseShard(args.shard),
      env: io.env,
      onProgress: watch.onProgress,
    },
    end: watch.end,
  }
}
