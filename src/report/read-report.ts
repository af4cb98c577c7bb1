import { readFile } from 'node:fs/promises'
import { LipError } from '../errors.ts'
import { type AttackRunReport, isAttackRun } from './attack-run.ts'
import { type Report, SCHEMA_VERSION } from './report.ts'
import { verdictOf } from './verdict.ts'

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
 * Reads what `verify` or `attack` wrote as JSON and holds it against its schema, and its verdict against its gates.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID
 */
export async function readAnyReport(path: string): Promise<Report | AttackRunReport> {
  const value = await readJson(path)
  const version = (value as { schemaVersion?: unknown } | null)?.schemaVersion
  if (typeof version === 'string' && version !== SCHEMA_VERSION) {
    throw new LipError(
      'DATA_INVALID',
      `'${path}' is a report of schema version ${version.slice(0, 20)}, and this lip-onnx reads ${SCHEMA_VERSION}.`,
      { hint: 'Make the report again.' },
    )
  }
  const isAttack = (value as { kind?: unknown } | null)?.kind === 'attack'
  const name = isAttack ? 'attack-report.schema.json' : 'report.schema.json'
  const schema = JSON.parse(await readFile(new URL(`../../schemas/${name}`, import.meta.url), 'utf8'))
  // Loaded by those who have something to check.
  const { Ajv2020 } = await import('ajv/dist/2020.js')
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema)
  if (validate(value)) {
    const report = value as Report | AttackRunReport
    const contradiction = isAttackRun(report) ? undefined : contradictionIn(report)
    if (contradiction === undefined) return report
    throw new LipError('DATA_INVALID', `The report '${path}' contradicts itself: ${contradiction}.`, {
      hint: 'It was changed by hand, or is of another tool: make it again.',
    })
  }
  const problem = validate.errors![0]!
  throw new LipError(
    'DATA_INVALID',
    `'${path}' is not a lip-onnx report: ${problem.instancePath || 'it'} ${problem.message}.`,
  )
}

/** What no run of `verify` writes: a verdict that its own gates do not give, a gate that its own numbers do not. */
function contradictionIn({ verdict, exitCode, gates, lipschitz }: Report): string | undefined {
  const found = verdictOf(gates, verdict === 'timeout')
  if (found.verdict !== verdict) return `its verdict is '${verdict}', and its gates say '${found.verdict}'`
  if (found.exitCode !== exitCode) return `its exit code is ${exitCode}, and its verdict means ${found.exitCode}`
  const { of, threshold } = lipschitz
  const { lower, upper } = lipschitz[of]
  const gate = gates.find(({ id }) => id === 'lipschitz')
  if (gate?.status === 'pass' && !(upper !== null && upper <= threshold)) return 'its bound is not within the limit'
  if (gate?.status === 'fail' && !(lower > threshold)) return 'its bound is not above the limit'
  return undefined
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
