import { LipError } from '../errors.ts'
import { schemaProblem } from '../schema-check.ts'
import { certifiedKey } from './certified-key.ts'
import type { TrainingConfig } from './config.ts'

/**
 * Holds a value against schemas/train.schema.json, fills in its defaults, and checks what a schema cannot say.
 *
 * @param source where the value came from, for the message
 * @throws LipError CONFIG_INVALID naming the first thing that is wrong
 */
export async function checkConfig(given: unknown, source: string): Promise<TrainingConfig> {
  const value = structuredClone(given)
  const problem = (await schemaProblem(value, 'train.schema.json')) ?? contradiction(value as TrainingConfig)
  if (problem) {
    throw new LipError('CONFIG_INVALID', `The configuration '${source}' is not valid ${problem}.`, {
      hint: 'See schemas/train.schema.json.',
    })
  }
  const { $schema: _, ...config } = value as TrainingConfig & { $schema?: string }
  return config
}

const METRICS = ['loss', 'accuracy', 'MulticlassKR'].flatMap((name) => [name, `val_${name}`])
const OWN_KEYS = { adam: ['beta1', 'beta2', 'epsilon'], sgd: ['momentum', 'nesterov'] } as const

function contradiction({ data, optimizer, certify, earlyStopping, keepBest }: TrainingConfig): string | undefined {
  const isLocal = data.name === 'npz' || data.name === 'images'
  if (isLocal && data.path === undefined) return `at /data: '${data.name}' needs path`
  const own = data.name === 'npz' ? [] : (['layout', 'classNames'] as const)
  const extra = (isLocal ? own : (['path', 'testPath', ...own] as const)).find((key) => data[key] !== undefined)
  if (extra) return `at /data: ${extra} says nothing about '${data.name}'`

  const other = optimizer.name === 'adam' ? 'sgd' : 'adam'
  const stray = OWN_KEYS[other].find((key) => optimizer[key] !== undefined)
  if (stray) return `at /optimizer: ${stray} belongs to ${other}, not to ${optimizer.name}`

  const known = [...METRICS, ...(certify?.radii ?? []).map(certifiedKey)]
  const best = typeof keepBest === 'object' ? keepBest : undefined
  for (const [where, target] of Object.entries({ earlyStopping, keepBest: best })) {
    if (target && !known.includes(target.monitor)) {
      return `at /${where}/monitor: there is no figure '${target.monitor}' (there are ${known.join(', ')})`
    }
  }
  return undefined
}
