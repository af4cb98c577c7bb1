/**
 * The threads of `dataParallelEngine`, as seen from the main thread.
 * @module
 */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { LipError } from '../errors.ts'
import type { WorkerAnswer, WorkerSetup, WorkerTask } from './chunk-worker.ts'
import { CONTROL, PHASE, type SharedBatch } from './shared-batch.ts'

export interface ChunkThreads {
  readonly count: number
  /** A training step: every thread's forward passes, then `between`, then every thread's backward passes. */
  train(batch: SharedBatch, samples: number, between: () => void): Promise<void>
  predict(batch: SharedBatch, samples: number): Promise<void>
  /** Tensors that each thread holds. */
  tensors(): Promise<number[]>
  /** Ends the threads, whatever they are doing. */
  end(): Promise<void>
}

/**
 * undefined where threads cannot run this code: TypeScript sources under a Node that does not strip types and without tsx.
 * @throws LipError RUNTIME_UNAVAILABLE when one fails to start
 */
export async function startChunkThreads(count: number, setup: WorkerSetup): Promise<ChunkThreads | undefined> {
  const script = workerScript()
  if (script === undefined) return undefined
  const threads = Array.from({ length: count }, () => new ChunkThread(script, setup))
  const all = async (kind: WorkerAnswer['kind']): Promise<WorkerAnswer[]> =>
    Promise.all(threads.map((thread) => thread.expect(kind)))
  const post = (task: WorkerTask): void => {
    for (const thread of threads) thread.post(task)
  }
  const end = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.end()))
  }
  try {
    await all('ready')
  } catch (error) {
    await end()
    throw error
  }
  return {
    count,
    end,
    async train(batch, samples, between) {
      const enter = (phase: number): void => {
        Atomics.store(batch.control, CONTROL.phase, phase)
        Atomics.notify(batch.control, CONTROL.phase)
      }
      enter(PHASE.forward)
      Atomics.store(batch.control, CONTROL.next, 0)
      post({ kind: 'train', batch, samples })
      try {
        await all('forward')
        between()
      } catch (error) {
        enter(PHASE.abort)
        throw error
      }
      enter(PHASE.backward)
      await all('done')
    },
    async predict(batch, samples) {
      Atomics.store(batch.control, CONTROL.next, 0)
      post({ kind: 'predict', batch, samples })
      await all('done')
    },
    async tensors() {
      post({ kind: 'memory' })
      return (await all('memory')).map((answer) => (answer as { tensors: number }).tensors)
    },
  }
}

/** One thread; it answers in the order in which it is asked, and a failure is the answer to everything after it. */
class ChunkThread {
  private readonly worker: Worker
  private readonly answers: WorkerAnswer[] = []
  private failure: LipError | undefined
  private waiting: (() => void) | undefined

  constructor({ script, options }: WorkerScript, setup: WorkerSetup) {
    this.worker = new Worker(script, { workerData: setup, ...options })
    this.worker.on('message', (answer: WorkerAnswer) => {
      if (answer.kind === 'failed') this.fail(answer.message, answer.code, answer.hint)
      else this.answers.push(answer)
      this.waiting?.()
    })
    this.worker.on('error', (error) => this.fail(error.message))
    this.worker.on('exit', (code) => this.fail(`it ended with code ${code}`))
  }

  post(task: WorkerTask): void {
    this.worker.postMessage(task)
  }

  /** @throws LipError when the thread has failed or ended */
  async expect(kind: WorkerAnswer['kind']): Promise<WorkerAnswer> {
    // A thread keeps the process alive only while something is expected of it.
    this.worker.ref()
    try {
      while (this.answers.length === 0 && this.failure === undefined) {
        await new Promise<void>((resolve) => {
          this.waiting = resolve
        })
      }
    } finally {
      this.waiting = undefined
      this.worker.unref()
    }
    const answer = this.answers.shift()
    if (answer === undefined) throw this.failure!
    if (answer.kind !== kind) throw new Error(`a training thread answered '${answer.kind}' where '${kind}' was due`)
    return answer
  }

  async end(): Promise<void> {
    await this.worker.terminate()
  }

  private fail(message: string, code: LipError['code'] = 'RUNTIME_UNAVAILABLE', hint?: string): void {
    this.failure ??=
      hint === undefined
        ? new LipError(code, `A training thread failed: ${message.split('\n')[0]!.replace(/\.$/, '')}.`, {
            hint: 'Use --threads 1; where memory is short, a smaller batchSize.',
          })
        : new LipError(code, message, { hint })
    this.waiting?.()
  }
}

interface WorkerScript {
  readonly script: URL | string
  readonly options: { readonly eval?: true; readonly execArgv?: string[] }
}

/**
 * What the threads run, next to this file. Compiled code always can; TypeScript sources where Node strips types itself, or where tsx
 * is installed.
 */
function workerScript(): WorkerScript | undefined {
  if (!import.meta.url.endsWith('.ts')) return { script: new URL('./chunk-worker.js', import.meta.url), options: {} }
  const script = new URL('./chunk-worker.ts', import.meta.url)
  if ((process.features as { readonly typescript?: string | false }).typescript) return { script, options: {} }
  try {
    // By its path: in a thread made of text, names would be looked for where the process runs.
    const tsx = new URL(
      './dist/esm/api/index.mjs',
      pathToFileURL(createRequire(import.meta.url).resolve('tsx/package.json')),
    )
    const start = `import('${tsx.href}').then(({ register }) => (register(), import('${script.href}')))`
    return { script: start, options: { eval: true, execArgv: [] } }
  } catch {
    return undefined
  }
}
