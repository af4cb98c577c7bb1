import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { LipError } from '../errors.ts'
import { type AttackRunReport, isAttackRun } from './attack-run.ts'
import type { Report } from './report.ts'

/**
 * Reads what `verify` wrote as JSON and holds it against its schema.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID
 */
export async function readReport(path: string): Promise<Report> {
  const report = await readAnyReport(path)
  if (!isAttackRun(report)) return report
  throw new LipError('DATA_INVALID', `'${path}' is a report of attacks, where one of \`lip-onnx verify\` is due.`)
}

/**
 * Reads what `verify` or `attack` wrote as JSON and holds it against its schema.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID
 */
export async function readAnyReport(path: string): Promise<Report | AttackRunReport> {
  const value = await readJson(path)
  const isAttack = (value as { kind?: unknown } | null)?.kind === 'attack'
  const name = isAttack ? 'attack-report.schema.json' : 'report.schema.json'
  const schema = JSON.parse(await readFile(new URL(`../../schemas/${name}`, import.meta.url), 'utf8'))
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema)
  if (validate(value)) return value as Report | AttackRunReport
  const problem = validate.errors![0]!
  throw new LipError(
    'DATA_INVALID',
    `'${path}' is not a lip-onnx report: ${problem.instancePath || 'it'} ${problem.message}.`,
  )
}

async function readJson(path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new LipError('FILE_NOT_FOUND', `The report '${path}' cannot be read (${code}).`, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LipError('DATA_INVALID', `The report '${path}' is not JSON.`, { cause })
  }
}
