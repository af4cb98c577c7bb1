import { Writable } from 'node:stream'
import { main } from '../../src/cli/main.ts'
import type { Ran } from './run-bin.ts'

function collector(): { readonly stream: Writable; text(): string } {
  const chunks: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk))
      done()
    },
  })
  return { stream, text: () => chunks.join('') }
}

/** The command line in this process: for what needs no process of its own, and much faster. */
export async function runMain(args: readonly string[], env: NodeJS.ProcessEnv = {}, columns?: number): Promise<Ran> {
  const stdout = collector()
  const stderr = collector()
  const code = await main(args, {
    stdout: Object.assign(stdout.stream, columns === undefined ? {} : { columns }),
    stderr: stderr.stream,
    env: { ...process.env, NO_COLOR: '1', ...env },
    interruptible: () => new AbortController().signal,
  })
  return { code, stdout: stdout.text(), stderr: stderr.text() }
}
