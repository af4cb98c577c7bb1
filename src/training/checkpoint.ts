import { readFile } from 'node:fs/promises'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { encodeNpy, parseNpy } from '../data/npy.ts'
import { LipError } from '../errors.ts'
import { writeAtomically } from '../write-atomically.ts'

/** Everything that the rest of a run depends on: restored, the run continues as if nothing had happened. */
export interface Checkpoint {
  readonly progress: TrainingProgress
  /** Every weight of the network (trainable or not), in the order of the network's `weights`. */
  readonly weights: readonly Float32Array[]
  readonly optimizer: { readonly step: number; readonly slots: readonly (readonly Float32Array[])[] }
}

export interface TrainingProgress {
  /** Epochs finished. */
  readonly epoch: number
  /** Batches finished in the epoch under way. */
  readonly batch: number
  /** Running sums of the epoch under way, as float64 numbers (JSON keeps them exactly). */
  readonly sums: Readonly<Record<string, number>>
  /** Metrics of the finished epochs. */
  readonly history: readonly Readonly<Record<string, number>>[]
  /** Numbers of the loss that move: running means, scheduled parameters. */
  readonly loss: Readonly<Record<string, number>>
}

/** Writes an .npz (readable by numpy) beside its place, then renames it: there is always one whole checkpoint. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  const entries: Record<string, Uint8Array> = {
    'progress.json': strToU8(JSON.stringify({ ...checkpoint.progress, step: checkpoint.optimizer.step })),
  }
  checkpoint.weights.forEach((data, i) => {
    entries[`weight_${i}.npy`] = encodeNpy(data, [data.length])
  })
  checkpoint.optimizer.slots.forEach((slots, i) => {
    slots.forEach((data, k) => {
      entries[`slot_${i}_${k}.npy`] = encodeNpy(data, [data.length])
    })
  })
  await writeAtomically(path, zipSync(entries, { level: 0 }))
}

/** @throws LipError DATA_INVALID when the file is not a whole checkpoint */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  try {
    return parseCheckpoint(unzipSync(new Uint8Array(await readFile(path))), path)
  } catch (cause) {
    throw new LipError('DATA_INVALID', `The checkpoint '${path}' is damaged and cannot be read.`, {
      hint: 'Start a new run in another folder.',
      cause,
    })
  }
}

function parseCheckpoint(files: Readonly<Record<string, Uint8Array>>, path: string): Checkpoint {
  const array = (name: string): Float32Array | undefined => {
    const bytes = files[name]
    return bytes && Float32Array.from(parseNpy(bytes, `${path}:${name}`).data as ArrayLike<number>)
  }
  /** Arrays under consecutive numbers. */
  const arrays = (name: (i: number) => string): Float32Array[] => {
    const found: Float32Array[] = []
    for (let data = array(name(0)); data; data = array(name(found.length))) found.push(data)
    return found
  }
  const { step, ...progress } = JSON.parse(strFromU8(files['progress.json']!)) as TrainingProgress & { step: number }
  const slots: Float32Array[][] = []
  for (let i = 0; files[`slot_${i}_0.npy`]; i++) slots.push(arrays((k) => `slot_${i}_${k}.npy`))
  return { progress, weights: arrays((i) => `weight_${i}.npy`), optimizer: { step, slots } }
}
