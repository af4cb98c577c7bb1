/**
 * What a verb is. Verbs are data: the frame turns them into yargs commands, loads what they need only when they run, and
 * maps their result to the exit code.
 * @module
 */
import type { ArgumentsCamelCase, InferredOptionTypes, Options, PositionalOptions } from 'yargs'
import type { ExitCode } from '../errors.ts'
import type { Io } from './io.ts'

export type OptionTable = Readonly<Record<string, Options>>
export type PositionalTable = Readonly<Record<string, PositionalOptions>>
export type ArgumentsOf<P extends PositionalTable, O extends OptionTable> = ArgumentsCamelCase<
  InferredOptionTypes<P> & InferredOptionTypes<O>
>

export interface VerbDescription<P extends PositionalTable, O extends OptionTable> {
  /** Name and positionals as yargs writes them: `verify <model>`. */
  readonly command: string
  readonly summary: string
  /** At least two: what one types (without the program's name), and what that does. */
  readonly examples: readonly (readonly [command: string, does: string])[]
  readonly positionals: P
  readonly options: O
  run(args: ArgumentsOf<P, O>, io: Io): Promise<ExitCode>
}

/** A verb whose types are no longer of interest. */
export interface Verb {
  readonly command: string
  readonly summary: string
  readonly examples: readonly (readonly [command: string, does: string])[]
  readonly positionals: PositionalTable
  readonly options: OptionTable
  run(args: never, io: Io): Promise<ExitCode>
}

/** Gives a verb's arguments their types. */
export function defineVerb<const P extends PositionalTable, const O extends OptionTable>(
  description: VerbDescription<P, O>,
): Verb {
  return description
}
