import type { Parameters } from '../attacks/index.ts'
import { LipError } from '../errors.ts'

/** Parses `NAME=VALUE` settings of an attack: numbers, true and false, else text. @throws LipError USAGE */
export function parseParameters(given: readonly string[] | undefined): Parameters {
  const parameters: Record<string, number | string | boolean> = {}
  for (const text of given ?? []) {
    const at = text.indexOf('=')
    if (at < 1) throw new LipError('USAGE', `--set '${text}' is not of the form NAME=VALUE.`)
    const value = text.slice(at + 1)
    const number = value.trim() === '' ? Number.NaN : Number(value)
    parameters[text.slice(0, at)] =
      value === 'true' || value === 'false' ? value === 'true' : Number.isNaN(number) ? value : number
  }
  return parameters
}
