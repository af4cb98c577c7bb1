import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AttackOutcome } from '../attacks/index.ts'
import { encodeNpy } from '../data/npy.ts'
import { LipError } from '../errors.ts'
import type { Samples } from './samples.ts'

/**
 * Saves every adversarial inside a certified radius, so that the alarm can be looked into: `violation-<index>.npy` and
 * `violation-<index>-original.npy`, each one sample in the model's units. Nothing is overwritten: another file of that name
 * stays, and the new one gets a number.
 *
 * @returns the outcomes, their reports naming the files
 * @throws LipError FILE_NOT_WRITABLE
 */
export async function saveViolations(
  folder: string,
  outcomes: readonly AttackOutcome[],
  { data }: Pick<Samples, 'data'>,
): Promise<readonly AttackOutcome[]> {
  const dims = [1, ...data.dims]
  const saved: AttackOutcome[] = []
  for (const outcome of outcomes) {
    const samples = []
    for (const sample of outcome.report.samples) {
      const { index, status } = sample
      const point = status.endsWith('-violation') ? outcome.adversarials.get(index) : undefined
      if (!point) {
        samples.push(sample)
        continue
      }
      await keep(folder, `violation-${index}-original`, encodeNpy(data.image(index).slice(), dims))
      samples.push({ ...sample, file: await keep(folder, `violation-${index}`, encodeNpy(point, dims)) })
    }
    saved.push({ ...outcome, report: { ...outcome.report, samples } })
  }
  return saved
}

/** Writes a new file, numbered where the name is taken by other bytes; returns its path. */
async function keep(folder: string, stem: string, bytes: Uint8Array): Promise<string> {
  let path = join(folder, `${stem}.npy`)
  try {
    await mkdir(folder, { recursive: true })
    for (let number = 2; ; number++) {
      if (await create(path, bytes)) return path
      if (Buffer.compare(await readFile(path), bytes) === 0) return path
      path = join(folder, `${stem}-${number}.npy`)
    }
  } catch (cause) {
    throw new LipError('FILE_NOT_WRITABLE', `'${path}' cannot be written (${(cause as NodeJS.ErrnoException).code}).`, {
      cause,
    })
  }
}

/** False when there is something of that name already. */
async function create(path: string, bytes: Uint8Array): Promise<boolean> {
  let isOurs = false
  try {
    await writeFile(path, '', { flag: 'wx' })
    isOurs = true
    await writeFile(path, bytes)
    return true
  } catch (error) {
    if (isOurs) await rm(path, { force: true })
    else if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
