/**
 * Ties the command line to a real process: streams, signals, the exit code.
 * @module
 */
import { EXIT } from '../errors.ts'
import { main } from './main.ts'

/** A reader that went away (`lip-onnx inspect m.onnx | head`) is no bug. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

/** Runs the verb that the process was started with and ends the process with its exit code. */
export async function start(host: NodeJS.Process): Promise<void> {
  host.stdout.on('error', ignoreClosedPipe)
  host.stderr.on('error', ignoreClosedPipe)
  const interruption = new AbortController()
  let graceful = false
  host.on('SIGINT', () => {
    // A verb that can save what it has listens to the signal; a second Ctrl-C, or any other verb, ends at once.
    if (!graceful || interruption.signal.aborted) host.exit(EXIT.interrupted)
    host.stderr.write('\nInterrupted: saving what is there (Ctrl-C again stops at once).\n')
    interruption.abort()
  })
  host.on('SIGTERM', () => host.exit(143))
  host.on('uncaughtException', (error) => {
    host.stderr.write(`${error?.stack ?? error}\n`)
    host.exit(EXIT.bug)
  })
  const code = await main(host.argv.slice(2), {
    stdout: host.stdout,
    stderr: host.stderr,
    env: host.env,
    interruptible() {
      graceful = true
      return interruption.signal
    },
  })
  // Wait until both streams are drained: pipes are asynchronous, and exit would cut them.
  await new Promise<void>((done) => host.stdout.write('', () => done()))
  await new Promise<void>((done) => host.stderr.write('', () => done()))
  host.exit(code)
}
