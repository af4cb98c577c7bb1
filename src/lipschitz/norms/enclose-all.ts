import { Worker } from 'node:worker_threads'
import type { Enclosure } from '../../linalg/enclosure.ts'
import type { LinearStructure } from '../../ops/operator.ts'
import type { NormOptions } from './convolution.ts'
import { encloseStructure } from './structure.ts'
import type { Answer, Task } from './worker.ts'

export interface EncloseAllOptions extends NormOptions {
  /** Worker threads; 0 or 1 computes in this thread. Results do not depend on it. */
  readonly workers?: number
  /** Rough cost from which on a structure is given to a thread; only the tests have another. */
  readonly worthAThread?: number
  /** Called after each finished structure. */
  readonly onProgress?: (done: number, total: number) => void
  /** Once it is true nothing more is begun: what has no enclosure by then gets [0, infinity]. */
  readonly late?: () => boolean
}

const UNREACHED: Enclosure = { lower: 0, upper: Number.POSITIVE_INFINITY, method: 'out-of-time' }

/**
 * Below this rough cost, about half a second, a thread costs more than it saves: it loads and compiles everything once more, on
 * a processor that compiles for this thread.
 */
const WORTH_A_THREAD = 1.5e8

/**
 * Encloses every structure; the i-th result belongs to the i-th structure, and a structure given twice is enclosed once.
 * @param meanwhile work of this thread while others compute
 */
export async function encloseAll(
  structures: readonly LinearStructure[],
  options: EncloseAllOptions = {},
  meanwhile: () => void = () => undefined,
): Promise<Enclosure[]> {
  const { workers = 0, onProgress, late = () => false, worthAThread = WORTH_A_THREAD, ...norm } = options
  const distinct = [...new Set(structures)]
  // The dearest first, so that no thread is left alone with it at the end.
  const order = distinct.map(roughCost).map((cost, i) => ({ cost, i }))
  order.sort((a, b) => b.cost - a.cost || a.i - b.i)
  const results = new Map<LinearStructure, Enclosure>()
  const finished = (structure: LinearStructure, enclosure: Enclosure) => {
    results.set(structure, enclosure)
    onProgress?.(results.size, distinct.length)
  }
  const dear = order.filter(({ cost }) => cost > worthAThread)
  // One is enough: this thread has work of its own.
  const script = workers > 1 && dear.length > 0 ? workerScript() : undefined
  const threads =
    script === undefined
      ? []
      : shares(dear, Math.min(workers, dear.length)).map((share) =>
          start(script, share, distinct, norm, finished, late),
        )
  try {
    const mine = new Set(threads.length > 0 ? dear.map(({ i }) => i) : [])
    for (const { i } of order) {
      if (late()) break
      if (!mine.has(i)) finished(distinct[i]!, encloseStructure(distinct[i]!, norm))
    }
    meanwhile()
    await Promise.all(threads.map(({ done }) => done))
  } finally {
    // Nothing waits for the end of a thread that has nothing left to say.
    for (const { worker } of threads) void worker.terminate()
  }
  return structures.map((structure) => results.get(structure) ?? UNREACHED)
}

/**
 * Work dealt out by its cost, the dearest first to whoever has least: messages are then with the threads from the start, and
 * this thread is free for work of its own.
 */
function shares<T extends { readonly cost: number }>(tasks: readonly T[], count: number): readonly (readonly T[])[] {
  const dealt = Array.from({ length: count }, () => ({ total: 0, tasks: [] as T[] }))
  for (const task of tasks) {
    const least = dealt.reduce((a, b) => (b.total < a.total ? b : a))
    least.tasks.push(task)
    least.total += task.cost
  }
  return dealt.map((share) => share.tasks)
}

function start(
  script: URL,
  share: readonly { readonly i: number }[],
  structures: readonly LinearStructure[],
  options: NormOptions,
  finished: (structure: LinearStructure, enclosure: Enclosure) => void,
  late: () => boolean,
): { readonly worker: Worker; readonly done: Promise<void> } {
  const worker = new Worker(script)
  const done = new Promise<void>((resolve, reject) => {
    let left = share.length
    worker.on('message', (answer: Answer) => {
      if ('failure' in answer) return reject(answer.failure)
      finished(structures[answer.index]!, answer.enclosure)
      if (--left === 0 || late()) resolve()
    })
    worker.on('error', reject)
    worker.on('exit', (code) => {
      if (left > 0) reject(new Error(`a thread that encloses norms ended with code ${code}`))
    })
  })
  // A failure is reported where all are awaited, even while this thread is busy.
  done.catch(() => undefined)
  for (const { i } of share) worker.postMessage({ index: i, structure: structures[i]!, options } satisfies Task)
  return { worker, done }
}

/** Orders work; only the ratio matters. */
function roughCost(structure: LinearStructure): number {
  if (structure.kind === 'matrix') {
    const { dims, data } = structure.matrix
    return data.length * Math.min(dims[0]!, dims[1] ?? 1)
  }
  if (structure.kind === 'blocks')
    return structure.blocks.reduce((cost, matrix) => cost + roughCost({ kind: 'matrix', matrix }), 0)
  if (structure.kind !== 'convolution') return 0
  const { weights, spatial } = structure
  return weights.data.length * Math.sqrt(weights.data.length) * spatial.reduce((n, x) => n * x, 1)
}

/**
 * What the threads run, next to this file. Compiled code always can; TypeScript sources only where Node strips types itself,
 * elsewhere (Node 20 under a test runner) the work is done in this thread.
 */
function workerScript(): URL | undefined {
  const source = import.meta.url.endsWith('.ts')
  if (source && !stripsTypes()) return undefined
  return new URL(source ? './worker.ts' : './worker.js', import.meta.url)
}

function stripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: string | false }).typescript)
}
