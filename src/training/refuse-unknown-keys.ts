import { LipError } from '../errors.ts'
import { withSnakeKeys } from '../layers/config/python-keys.ts'

/**
 * Refuses settings that the thing made of them does not know; TensorFlow.js would ignore a misspelled one.
 *
 * @param known its own configuration, which lists every setting that it has
 * @throws LipError CONFIG_INVALID
 */
export function refuseUnknownKeys(
  what: string,
  given: Readonly<Record<string, unknown>> | undefined,
  known: Readonly<Record<string, unknown>>,
): void {
  const keys = new Set(Object.keys(withSnakeKeys(known)))
  for (const key of Object.keys(withSnakeKeys(given ?? {}))) {
    if (keys.has(key)) continue
    throw new LipError('CONFIG_INVALID', `There is no setting '${key}' of ${what}.`, {
      hint: `It has ${[...keys].sort().join(', ')}.`,
    })
  }
}
