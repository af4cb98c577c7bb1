import type { Batch, Oracle } from './oracle.ts'
import { type Collective, isCollective, type Query, type Task } from './query.ts'

export interface SchedulerOptions {
  /** Samples in flight at once; default: enough to fill the largest batch. */
  readonly inFlight?: number
  /** Start every task at once: they wait for each other (`Collective`). */
  readonly lockstep?: boolean
  readonly signal?: AbortSignal | undefined
  /** Stop at this time (performance.now()). */
  readonly deadline?: number | undefined
  /** A task ended. */
  readonly onDone?: (position: number) => void
  /** Rows evaluated for a task. */
  readonly onRows?: (position: number, kind: Query['kind'], rows: number) => void
}

interface Lane {
  readonly position: number
  readonly task: Task
  readonly queries: Query[]
  /** Rows of the current queries that are still to be evaluated. */
  missing: number
  collective: Collective | undefined
}

interface Ticket {
  readonly lane: Lane
  readonly query: Query
  next: number
}

/**
 * Runs many single-sample computations, packing their queries into batches: finished samples leave, waiting ones enter, and
 * the batch stays full (continuous batching). Gradients and plain logits go into batches of their own kind.
 *
 * @returns 'finished', or why it stopped early; tasks that had not ended are abandoned then
 */
export async function runTasks(
  oracle: Oracle,
  tasks: Iterable<Task>,
  options: SchedulerOptions = {},
): Promise<'finished' | 'aborted' | 'timeout'> {
  const waiting: Record<Query['kind'], { tickets: Ticket[]; rows: number }> = {
    gradient: { tickets: [], rows: 0 },
    logits: { tickets: [], rows: 0 },
  }
  const lanes = new Set<Lane>()
  const limit = options.inFlight ?? oracle.capacity
  const source = tasks[Symbol.iterator]()
  let started = 0
  let exhausted = false

  const advance = (lane: Lane): void => {
    const { done, value } = lane.task.next()
    lane.queries.length = 0
    lane.collective = undefined
    if (done) {
      lanes.delete(lane)
      options.onDone?.(lane.position)
      return
    }
    if (isCollective(value)) {
      lane.collective = value
      return
    }
    if (Array.isArray(value)) lane.queries.push(...(value as readonly Query[]))
    else lane.queries.push(value as Query)
    lane.missing = 0
    for (const query of lane.queries) {
      if (query.rows === 0) continue
      lane.missing += query.rows
      waiting[query.kind].tickets.push({ lane, query, next: 0 })
      waiting[query.kind].rows += query.rows
      options.onRows?.(lane.position, query.kind, query.rows)
    }
    if (lane.missing === 0) advance(lane)
  }

  const serve = async (kind: Query['kind']): Promise<void> => {
    const queue = waiting[kind]
    const rows = Math.min(queue.rows, oracle.capacity)
    if (rows === 0) return
    if (kind === 'gradient' && !oracle.gradient) throw new Error(`No gradient: ${oracle.reason ?? 'unknown'}`)
    const batch = await (kind === 'gradient' ? oracle.gradient!(rows) : oracle.logits(rows))
    const served = pack(queue.tickets, batch, rows, oracle, kind)
    await batch.run()
    queue.rows -= rows
    unpack(served, batch, oracle, kind)
    queue.tickets.splice(0, served.filter((part) => part.last).length)
    for (const { ticket, count } of served) {
      ticket.lane.missing -= count
      if (ticket.lane.missing === 0) advance(ticket.lane)
    }
  }

  try {
    for (;;) {
      if (options.signal?.aborted) return 'aborted'
      if (options.deadline !== undefined && performance.now() > options.deadline) return 'timeout'
      const room = () => lanes.size < limit && waiting.gradient.rows + waiting.logits.rows < oracle.capacity
      while (!exhausted && (options.lockstep || room())) {
        const next = source.next()
        if (next.done) {
          exhausted = true
          break
        }
        const lane: Lane = { position: started++, task: next.value, queries: [], missing: 0, collective: undefined }
        lanes.add(lane)
        advance(lane)
      }
      if (lanes.size === 0 && exhausted) return 'finished'
      if (waiting.gradient.rows + waiting.logits.rows === 0) {
        resolveCollective(lanes)
        for (const lane of [...lanes]) advance(lane)
        continue
      }
      await serve('gradient')
      await serve('logits')
    }
  } finally {
    for (const lane of lanes) lane.task.return(undefined)
  }
}

interface Part {
  readonly ticket: Ticket
  readonly from: number
  readonly count: number
  readonly at: number
  readonly last: boolean
}

/** Copies the next `rows` waiting rows into the batch. */
function pack(tickets: Ticket[], batch: Batch, rows: number, { size, classes }: Oracle, kind: Query['kind']): Part[] {
  const parts: Part[] = []
  let at = 0
  for (const ticket of tickets) {
    if (at === rows) break
    const { query, next: from } = ticket
    const count = Math.min(query.rows - from, rows - at)
    batch.points.set(query.points.subarray(from * size, (from + count) * size), at * size)
    if (kind === 'gradient') {
      batch.fixed.set(query.fixed.subarray(from * classes, (from + count) * classes), at * classes)
      batch.exclude.set(query.exclude.subarray(from * classes, (from + count) * classes), at * classes)
      batch.runnerUp.set(query.runnerUp.subarray(from, from + count), at)
      batch.softmax.set(query.softmax.subarray(from, from + count), at)
    }
    ticket.next += count
    parts.push({ ticket, from, count, at, last: ticket.next === query.rows })
    at += count
  }
  return parts
}

function unpack(parts: readonly Part[], batch: Batch, { size, classes }: Oracle, kind: Query['kind']): void {
  for (const { ticket, from, count, at } of parts) {
    ticket.query.logits.set(batch.logits.subarray(at * classes, (at + count) * classes), from * classes)
    if (kind === 'gradient') {
      ticket.query.gradients.set(batch.gradients.subarray(at * size, (at + count) * size), from * size)
    }
  }
}

/** All lanes wait for a sum: add up in the order of the values, so that the total does not depend on the order of the samples. */
function resolveCollective(lanes: ReadonlySet<Lane>): void {
  const values = Float64Array.from(lanes, ({ collective }) => collective!.value).sort()
  const total = values.reduce((sum, value) => sum + value, 0)
  for (const { collective } of lanes) collective!.total = total
}
