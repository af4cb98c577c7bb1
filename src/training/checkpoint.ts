import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { encodeNpy, parseNpy } from '../data/npy.ts'
import { LipError } from '../errors.ts'

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
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(new Uint8Array(await readFile(path)))
  } catch (cause) {
    throw new LipError('DATA_INVALID', `The checkpoint '${path}' cannot be read.`, {
      hint: 'Start a new run, or name another run folder.',
      cause,
    })
  }
  const array = (name: string): Float32Array | undefined => {
    const bytes = files[name]
    return bytes && Float32Array.from(parseNpy(bytes, `${path}:${name}`).data as ArrayLike<number>)
  }
  const { step, ...progress } = JSON.parse(strFromU8(files['progress.json']!)) as TrainingProgress & { step: number }
  const weights: Float32Array[] = []
  for (let data = array('weight_0.npy'); data; data = array(`weight_${weights.length}.npy`)) weights.push(data)
  const slots: Float32Array[][] = []
  for (let i = 0; files[`slot_${i}_0.npy`]; i++) {
    const own: Float32Array[] = []
    for (let data = array(`slot_${i}_0.npy`); data; data = array(`slot_${i}_${own.length}.npy`)) own.push(data)
    slots.push(own)
  }
  return { progress, weights, optimizer: { step, slots } }
}

/** Writes to a temporary file in the same folder, then renames. */
export async function writeAtomically(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(temporary, content)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true })
    throw new LipError('FILE_NOT_WRITABLE', `'${path}' cannot be written.`, { cause })
  }
}
