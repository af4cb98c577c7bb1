import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { LipError } from '../errors.ts'
import { checkConfig } from './check-config.ts'
import type { TrainingConfig } from './config.ts'

/**
 * Reads a training configuration in JSON or YAML and checks it.
 *
 * @throws LipError FILE_NOT_FOUND, CONFIG_INVALID naming the first thing that is wrong
 */
export async function readTrainingConfig(path: string): Promise<TrainingConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `The configuration '${path}' cannot be read.`, { cause })
  })
  let value: unknown
  try {
    value = parse(text)
  } catch (cause) {
    throw new LipError('CONFIG_INVALID', `The configuration '${path}' is neither JSON nor YAML.`, { cause })
  }
  return checkConfig(value, path)
}
