/**
 * What a verb may do to the outside: results on stdout, everything else on stderr.
 * @module
 */
import pc from 'picocolors'
import { type Progress, startProgress } from './progress.ts'

export type Colors = ReturnType<typeof pc.createColors>

/** The parts of a process that the command line touches; tests bring their own. */
export interface Host {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly env: NodeJS.ProcessEnv
  /** Declares that the verb ends well on Ctrl-C (then exit 130), and gives the signal to watch. */
  interruptible(): AbortSignal
}

export interface Io {
  /** Arguments as given, without node and script. */
  readonly argv: readonly string[]
  readonly env: NodeJS.ProcessEnv
  readonly json: boolean
  readonly quiet: boolean
  readonly colors: Colors
  /** The result: one JSON document with --json, else text. */
  result(value: unknown, render: () => string): void
  /** What a person wants to know meanwhile; nothing with --quiet. */
  note(text: string): void
  /** What a person must know. */
  warn(text: string): void
  progress(label: string, total: number): Progress
  interruptible(): AbortSignal
}

/** NO_COLOR (any value) and --no-color switch colours off, FORCE_COLOR on; else they need a terminal. */
function wantsColor(host: Host, color: boolean | undefined): boolean {
  if (color === false || host.env.NO_COLOR) return false
  if (host.env.FORCE_COLOR) return host.env.FORCE_COLOR !== '0'
  return host.stdout.isTTY === true && host.env.TERM !== 'dumb'
}

export function createIo(
  host: Host,
  argv: readonly string[],
  options: { readonly json?: boolean; readonly quiet?: boolean; readonly color?: boolean | undefined },
): Io {
  const quiet = options.quiet === true
  const json = options.json === true
  const line = (text: string) => host.stderr.write(`${text}\n`)
  return {
    argv,
    env: host.env,
    json,
    quiet,
    colors: pc.createColors(wantsColor(host, options.color)),
    result(value, render) {
      const text = json ? JSON.stringify(value, null, 2) : render()
      if (text !== '') host.stdout.write(`${text}\n`)
    },
    note(text) {
      if (!quiet) line(text)
    },
    warn: line,
    progress: (label, total) => startProgress(host.stderr, label, total, quiet),
    interruptible: host.interruptible,
  }
}
