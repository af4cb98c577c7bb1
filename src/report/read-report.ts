import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { LipError } from '../errors.ts'
import type { Report } from './report.ts'

/**
 * Reads a JSON report and holds it against schemas/report.schema.json.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID
 */
export async function readReport(path: string): Promise<Report> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new LipError(
      'FILE_NOT_FOUND',
      `The report '${path}' cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      { cause },
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LipError('DATA_INVALID', `The report '${path}' is not JSON.`, { cause })
  }
  const schema = JSON.parse(await readFile(new URL('../../schemas/report.schema.json', import.meta.url), 'utf8'))
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(schema)
  if (validate(value)) return value as Report
  const problem = validate.errors![0]!
  throw new LipError(
    'DATA_INVALID',
    `'${path}' is not a lip-onnx report: ${problem.instancePath || 'it'} ${problem.message}.`,
  )
}
