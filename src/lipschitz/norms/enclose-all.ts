import type { Enclosure } from '../../linalg/enclosure.ts'
import type { LinearStructure } from '../../ops/operator.ts'
import type { NormOptions } from './convolution.ts'
import { encloseStructure } from './structure.ts'

export interface EncloseAllOptions extends NormOptions {
  /** Worker threads; 0 or 1 computes in this thread. Results do not depend on it. */
  readonly workers?: number
  /** Called after each finished structure. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Below this many weights times positions a worker's start costs more than it saves. */
const WORTH_A_WORKER = 2e6

/** Encloses every structure; the i-th result belongs to the i-th structure, and a structure given twice is enclosed once. */
export async function encloseAll(
  structures: readonly LinearStructure[],
  options: EncloseAllOptions = {},
): Promise<Enclosure[]> {
  const { workers = 0, onProgress, ...norm } = options
  const distinct = [...new Set(structures)]
  // The dearest first, so that no thread is left alone with it at the end.
  const order = distinct.map(roughCost).map((cost, i) => ({ cost, i }))
  order.sort((a, b) => b.cost - a.cost || a.i - b.i)
  const results = new Map<LinearStructure, Enclosure>()
  const finished = (structure: LinearStructure, enclosure: Enclosure) => {
    results.set(structure, enclosure)
    onProgress?.(results.size, distinct.length)
  }
  const dear = order.filter(({ cost }) => cost > WORTH_A_WORKER)
  const pool = workers > 1 && dear.length > 1 ? await openPool(Math.min(workers, dear.length)) : undefined
  if (pool) {
    try {
      const running = dear.map(async ({ i }) => {
        const structure = distinct[i]!
        finished(structure, await pool.run({ structure, options: norm }, { name: 'enclose' }))
      })
      const settled = await Promise.allSettled(running)
      for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason
    } finally {
      await pool.destroy()
    }
  }
  for (const { i } of order) {
    const structure = distinct[i]!
    if (!results.has(structure)) finished(structure, encloseStructure(structure, norm))
  }
  return structures.map((structure) => results.get(structure)!)
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
 * A pool whose workers load `worker` next to this file. Compiled code always can; TypeScript sources only where Node strips types
 * itself, elsewhere (Node 20 under a test runner) the work is done in this thread.
 */
async function openPool(threads: number) {
  const source = import.meta.url.endsWith('.ts')
  if (source && !stripsTypes()) return undefined
  const { Tinypool } = await import('tinypool')
  const filename = new URL(source ? './worker.ts' : './worker.js', import.meta.url).href
  return new Tinypool({ filename, runtime: 'worker_threads', minThreads: threads, maxThreads: threads })
}

function stripsTypes(): boolean {
  return Boolean((process.features as { readonly typescript?: string | false }).typescript)
}
