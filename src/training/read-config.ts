import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { LipError } from '../errors.ts'
import { schemaProblem } from '../schema-check.ts'
import type { TrainingConfig } from './config.ts'

/**
 * Reads a training configuration in JSON or YAML and checks it against schemas/train.schema.json.
 *
 * @throws LipError FILE_NOT_FOUND, CONFIG_INVALID naming the first thing that is wrong
 */
export async function readTrainingConfig(path: string): Promise<TrainingConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LipError('FILE_NOT_FOUND', `The configuration '${path}' cannot be read.`, { cause })
  })
  let value: Record<string, unknown>
  try {
    value = parse(text) as Record<string, unknown>
  } catch (cause) {
    throw new LipError('CONFIG_INVALID', `The configuration '${path}' is neither JSON nor YAML.`, { cause })
  }
  const problem = await schemaProblem(value, 'train.schema.json')
  if (problem) {
    throw new LipError('CONFIG_INVALID', `The configuration '${path}' is not valid ${problem}.`, {
      hint: 'See schemas/train.schema.json.',
    })
  }
  const { $schema: _, ...config } = value
  return config as unknown as TrainingConfig
}
