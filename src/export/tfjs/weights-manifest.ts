/**
 * The weights of a TensorFlow.js model: groups of binary files beside model.json, tensors one after the other.
 * @module
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { LipError } from '../../errors.ts'
import type { WeightArray } from '../description.ts'

export interface ManifestWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: string
  readonly quantization?: { readonly dtype?: string }
}

export interface ManifestGroup {
  readonly paths: readonly string[]
  readonly weights: readonly ManifestWeight[]
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, bool: 1, uint8: 1 }

/**
 * The float32 tensors of a manifest by name, in order.
 *
 * @param sha256 what the bytes of all groups together have to be, where the file says so
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID (damaged or not what model.json says), MODEL_UNSUPPORTED (quantised)
 */
export async function readManifest(
  manifest: readonly ManifestGroup[],
  modelPath: string,
  sha256?: string,
): Promise<readonly (readonly [string, WeightArray])[]> {
  const found: (readonly [string, WeightArray])[] = []
  const digest = createHash('sha256')
  for (const group of manifest) {
    const bytes = await readGroup(group, modelPath)
    digest.update(bytes)
    let offset = 0
    for (const weight of group.weights) {
      const { name, shape, dtype, quantization } = weight
      if (quantization) {
        throw new LipError(
          'DATA_INVALID',
          `Weight '${name}' of '${modelPath}' is quantised to ${quantization.dtype ?? 'fewer bits'}: what it was trained to promise is lost.`,
          { hint: 'Convert the model again without quantisation.' },
        )
      }
      const size = shape.reduce((product, dim) => product * dim, 1)
      const width = Object.hasOwn(BYTES, dtype) ? BYTES[dtype]! : undefined
      if (width === undefined)
        throw new LipError('DATA_INVALID', `Weight '${name}' of '${modelPath}' has the type ${dtype}.`)
      const end = offset + size * width
      if (!(end <= bytes.length)) throw damaged(modelPath, `end before the weight '${name}'`)
      // A copy: shards need not be aligned.
      if (dtype === 'float32')
        found.push([name, { dims: shape, data: new Float32Array(bytes.slice(offset, end).buffer) }])
      offset = end
    }
    if (offset !== bytes.length) throw damaged(modelPath, `hold ${bytes.length} bytes and model.json lists ${offset}`)
  }
  if (sha256 !== undefined && digest.digest('hex') !== sha256)
    throw damaged(modelPath, 'are not those it was written with')
  return found
}

async function readGroup({ paths }: ManifestGroup, modelPath: string): Promise<Uint8Array> {
  const shards: Uint8Array[] = []
  for (const path of paths) {
    if (isAbsolute(path) || path.split(/[/\\]/).includes('..')) throw damaged(modelPath, `are elsewhere ('${path}')`)
    const shard = await readFile(join(dirname(modelPath), path)).catch((cause: unknown) => {
      throw new LipError('FILE_NOT_FOUND', `The weights '${path}' of '${modelPath}' cannot be read.`, {
        hint: 'Keep the .bin files beside model.json.',
        cause,
      })
    })
    shards.push(shard)
  }
  const bytes = new Uint8Array(shards.reduce((sum, shard) => sum + shard.length, 0))
  let at = 0
  for (const shard of shards) {
    bytes.set(shard, at)
    at += shard.length
  }
  return bytes
}

function damaged(modelPath: string, what: string): LipError {
  return new LipError('DATA_INVALID', `The weights of '${modelPath}' ${what}.`, {
    hint: 'Write the model again; do not mix files of different models.',
  })
}
