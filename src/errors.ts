/**
 * The one error class for what could not be done. Findings (a gate that fails, an operator without a rule) are data and
 * never thrown; a plain `Error` is a bug in lip-onnx and ends with exit code 70.
 * @module
 */

/** Exit codes of every verb (design: "Command line"). */
export const EXIT = {
  pass: 0,
  violated: 1,
  inconclusive: 2,
  timeBudget: 3,
  usage: 4,
  alarm: 5,
  bug: 70,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What kind of thing could not be done; stable, for programs that call the library. */
export type LipErrorCode =
  | 'USAGE'
  | 'FILE_NOT_FOUND'
  | 'FILE_NOT_WRITABLE'
  | 'FILE_EXISTS'
  | 'MODEL_INVALID'
  | 'MODEL_UNSUPPORTED'
  | 'DATA_INVALID'
  | 'DATA_UNAVAILABLE'
  | 'CONFIG_INVALID'
  | 'RUNTIME_UNAVAILABLE'
  | 'TIME_BUDGET'
  | 'INTERRUPTED'

const EXIT_OF: Partial<Record<LipErrorCode, ExitCode>> = {
  // The file is well formed but outside what has a proof: unknown is not one, so inconclusive.
  MODEL_UNSUPPORTED: EXIT.inconclusive,
  TIME_BUDGET: EXIT.timeBudget,
  INTERRUPTED: EXIT.interrupted,
}

/** One clear sentence that names what is wrong, and a hint that says what to do about it. */
export class LipError extends Error {
  readonly code: LipErrorCode
  readonly hint: string | undefined
  readonly exitCode: ExitCode

  constructor(code: LipErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LipError'
    this.code = code
    this.hint = options.hint
    this.exitCode = EXIT_OF[code] ?? EXIT.usage
  }
}
