import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { LipError } from '../errors.ts'

/**
 * A file that is read must not be written over: the verdict would stay, and what it is about would be gone. Links are followed.
 * @throws LipError USAGE
 */
export async function refuseInputs(outputs: readonly string[], inputs: readonly (string | undefined)[]): Promise<void> {
  const place = (path: string) => realpath(path).catch(() => resolve(path))
  const read = new Set(await Promise.all(inputs.flatMap((path) => (path === undefined ? [] : [place(path)]))))
  for (const path of outputs)
    if (read.has(await place(path))) throw new LipError('USAGE', `The report '${path}' would be written over an input.`)
}
