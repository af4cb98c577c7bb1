/**
 * What a project demands of its model, as a file: schemas/policy.schema.json in TypeScript.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { LipError } from '../errors.ts'
import { schemaProblem } from '../schema-check.ts'

export type BoundName = 'logit' | 'features' | 'joint' | 'pair'

export interface Waiver {
  /** Id of the gate that is waived. */
  readonly gate: string
  readonly reason: string
  /** Last day on which it holds, `YYYY-MM-DD`. */
  readonly expires: string
}

export interface Policy {
  readonly lipschitz?: { readonly of?: BoundName; readonly max: number }
  readonly layers?: { readonly max?: number; readonly overrides?: Readonly<Record<string, number>> }
  readonly certified?: {
    /** L2 radius -> smallest share of all samples that must be certified at it. */
    readonly minAccuracy?: Readonly<Record<string, number>>
    readonly minMeanRadius?: number
    readonly minCleanAccuracy?: number
  }
  readonly runtime?: { readonly profile?: string }
  readonly baseline?: {
    /** A report.json of an accepted model; relative to the policy file. */
    readonly file: string
    /** Allowed relative growth of the bound; default 0. */
    readonly maxBoundIncrease?: number
    /**
     * Allowed absolute fall of the certified accuracy at any radius that both reports list; default 0. Where it is given, the
     * baseline must have certificates.
     */
    readonly maxAccuracyDrop?: number
  }
  readonly allow?: readonly Waiver[]
}

/**
 * Checks a parsed policy. An unknown key is an error: a misspelt limit that is silently ignored would pass everything.
 * @throws LipError CONFIG_INVALID naming the first thing that is wrong
 */
export async function checkPolicy(value: unknown, path: string): Promise<Policy> {
  const problem = await schemaProblem(value, 'policy.schema.json')
  if (problem === undefined) return value as Policy
  throw new LipError('CONFIG_INVALID', `The policy '${path}' is not valid ${problem}.`, {
    hint: 'See schemas/policy.schema.json.',
  })
}

/** Reads a policy file in JSON or YAML. */
export async function readPolicy(path: string): Promise<Policy> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new LipError(
      'FILE_NOT_FOUND',
      `The policy '${path}' cannot be read (${(cause as NodeJS.ErrnoException).code}).`,
      { cause },
    )
  }
  let value: unknown
  try {
    const { parse } = await import('yaml')
    value = parse(text)
  } catch (cause) {
    throw new LipError(
      'CONFIG_INVALID',
      `The policy '${path}' is neither JSON nor YAML: ${(cause as Error).message.split('\n')[0]}.`,
      { cause },
    )
  }
  return checkPolicy(value, path)
}
