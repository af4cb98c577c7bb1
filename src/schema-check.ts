import { readFile } from 'node:fs/promises'

/**
 * Checks a value against one of the schemas that lip-onnx publishes, filling in the schema's defaults.
 *
 * @param schema file name in schemas/
 * @returns undefined when it is valid, else one clause that says where it is not and why
 */
export async function schemaProblem(value: unknown, schema: string): Promise<string | undefined> {
  // Loaded by those who have something to check.
  const { Ajv2020 } = await import('ajv/dist/2020.js')
  const text = await readFile(new URL(`../schemas/${schema}`, import.meta.url), 'utf8')
  const validate = new Ajv2020({ allErrors: false, useDefaults: true, allowUnionTypes: true }).compile(JSON.parse(text))
  if (validate(value)) return undefined
  const problem = validate.errors![0]!
  const extra = (problem.params as { additionalProperty?: string }).additionalProperty
  const what = extra === undefined ? problem.message : `there is no key '${extra}'`
  return `at ${problem.instancePath || '(top)'}: ${what}`
}
