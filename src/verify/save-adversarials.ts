import { join } from 'node:path'
import type { AttackOutcome } from '../attacks/index.ts'
import { encodeNpy } from '../data/npy.ts'
import { writeAtomically } from '../write-atomically.ts'
import type { Samples } from './samples.ts'

/**
 * Writes the nearest adversarial of every sample that has one: adversarials.npy in the model's units, with indices.npy
 * (positions in the split) and labels.npy (true classes) beside it.
 * @throws LipError FILE_NOT_WRITABLE
 */
export async function saveAdversarials(
  folder: string,
  outcomes: readonly AttackOutcome[],
  samples: Samples,
): Promise<void> {
  const { data } = samples
  const nearest = new Map<number, { distance: number; point: Float32Array }>()
  for (const { report, adversarials } of outcomes) {
    for (const { index, distance } of report.samples) {
      const point = adversarials.get(index)
      if (!point || distance === null || distance >= (nearest.get(index)?.distance ?? Number.POSITIVE_INFINITY))
        continue
      nearest.set(index, { distance, point })
    }
  }
  const indices = [...nearest.keys()].sort((a, b) => a - b)
  const size = data.dims.reduce((a, b) => a * b, 1)
  const points = new Float32Array(indices.length * size)
  indices.forEach((index, i) => {
    points.set(nearest.get(index)!.point, i * size)
  })
  await save(folder, 'adversarials.npy', encodeNpy(points, [indices.length, ...data.dims]))
  await save(folder, 'indices.npy', encodeNpy(Int32Array.from(indices), [indices.length]))
  await save(
    folder,
    'labels.npy',
    encodeNpy(
      Int32Array.from(indices, (index) => data.label(index)),
      [indices.length],
    ),
  )
}

function save(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  return writeAtomically(join(folder, name), bytes, { makeFolder: true })
}
