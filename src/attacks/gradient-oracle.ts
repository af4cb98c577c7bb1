import { differentiate } from '../graph/differentiate.ts'
import { prepare } from '../graph/prepare.ts'
import type { PrepareOptions } from '../graph/program.ts'
import type { Model } from '../onnx/ir.ts'
import { encodeModel } from '../onnx/write.ts'
import { floatTensor, type RuntimeTensor } from '../runtime/onnxruntime.ts'
import { openSession, type Session, type SessionOptions } from '../runtime/session.ts'
import type { Domain } from './domain.ts'
import { mergeSelections } from './merge-selections.ts'
import type { Batch, Oracle } from './oracle.ts'
import { keepOutputs, SEED_INPUTS, seedCotangent } from './seeded-graph.ts'

/**
 * Batch shapes that sessions are made for, on demand: fine steps, because padding rows cost as much as real ones; few where every session
 * holds a large copy of the weights; larger ones on a GPU, where a run costs more than its rows.
 */
const FINE = [1, 2, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32]
const COARSE = [1, 8, 32]
const GPU = [1, 8, 32, 128]
/** Weights beyond this many bytes count as large. */
const LARGE = 16 * 2 ** 20

function ladderFor(model: Model, provider: SessionOptions['provider']): readonly number[] {
  if (provider === 'cuda' || provider === 'webgpu') return GPU
  let bytes = 0
  for (const { data } of model.graph.initializers.values()) bytes += 'byteLength' in data ? data.byteLength : 0
  return bytes > LARGE ? COARSE : FINE
}

export interface GradientOracleOptions extends SessionOptions {
  /** The one input that images go to. */
  readonly input: string
  /** The tensor that counts as logits. */
  readonly logits: string
  readonly domain: Domain
  readonly inputShapes?: PrepareOptions['inputShapes']
  /** Batch shapes that may be used; default: the ladder, or the shape that the file fixes. */
  readonly ladder?: readonly number[]
}

/**
 * The differentiated network in onnxruntime: one session a batch shape, buffers allocated once.
 *
 * That rows do not influence each other is proved on the graph by the caller; that onnxruntime rounds a row in one way whatever the
 * batch shape is checked here, on the smallest and the largest shape: when it does not, only the largest is used.
 */
export async function openGradientOracle(
  model: Model,
  options: GradientOracleOptions,
): Promise<Oracle & { release(): Promise<void> }> {
  const { domain } = options
  const make = sessionMaker(model, options)
  let ladder = options.ladder ?? ladderFor(model, options.provider)
  const capacity = ladder.at(-1)!
  const gradients = new Map<number, Promise<Batch & { session: Session }>>()
  const forwards = new Map<number, Promise<Batch & { session: Session }>>()
  const batchOf = (made: typeof gradients, gradient: boolean) => (rows: number) => {
    const size = ladder.find((candidate) => candidate >= rows) ?? capacity
    let batch = made.get(size)
    if (!batch) made.set(size, (batch = make(size, gradient)))
    return batch
  }
  const oracle = {
    size: domain.size,
    classes: domain.classes,
    capacity,
    gradient: batchOf(gradients, true),
    logits: batchOf(forwards, false),
    async release() {
      for (const batch of [...gradients.values(), ...forwards.values()]) await (await batch).session.release()
    },
  }
  if (ladder.length > 1 && !(await roundsAlike(oracle, ladder[0]!, capacity, domain))) ladder = [capacity]
  return oracle
}

type Made = Promise<Batch & { session: Session }>

function sessionMaker(model: Model, options: GradientOracleOptions): (rows: number, gradient: boolean) => Made {
  const { input, logits, domain } = options
  const { size, classes } = domain
  return async (rows, gradient) => {
    const program = prepare(model, {
      batch: rows,
      ...(options.inputShapes && { inputShapes: options.inputShapes }),
    })
    const graph = mergeSelections(differentiate(program, { of: logits, by: [input] }))
    const seeded = gradient
      ? seedCotangent(graph, { cotangent: 'cotangent', logits, batch: rows, classes })
      : keepOutputs(graph, [logits])
    const session = await openSession(encodeModel(seeded), { optimisation: 'all', ...options })
    const dims = program.values.get(input)!.dims
    const tensors: Record<string, RuntimeTensor> = {}
    const buffer = (name: string, shape: readonly number[]) => {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1))
      tensors[name] = floatTensor(data, shape)
      return data
    }
    const points = buffer(input, dims)
    const fixed = buffer(SEED_INPUTS.fixed, [rows, classes])
    const exclude = buffer(SEED_INPUTS.exclude, [rows, classes])
    const runnerUp = buffer(SEED_INPUTS.runnerUp, [rows, 1])
    const softmax = buffer(SEED_INPUTS.softmax, [rows, 1])
    const logitsOut = buffer(logits, program.values.get(logits)!.dims)
    const slope = `gradient/${input}`
    const gradientsOut = gradient ? buffer(slope, dims) : new Float32Array(0)
    const feeds = Object.fromEntries(session.inputNames.map((name) => [name, tensors[name]!]))
    const fetches = Object.fromEntries([logits, ...(gradient ? [slope] : [])].map((name) => [name, tensors[name]!]))
    // Rows that no sample uses hold a point of the box, never rubbish that would compute NaN slowly.
    for (let row = 0; row < rows; row++) points.set(domain.low, row * size)
    return {
      session,
      rows,
      points,
      fixed,
      exclude,
      runnerUp,
      softmax,
      logits: logitsOut,
      gradients: gradientsOut,
      async run() {
        await session.run(feeds, fetches)
      },
    }
  }
}

/** Whether two batch shapes give the same bits for the same rows, first and last place. */
async function roundsAlike(oracle: Oracle, small: number, large: number, domain: Domain): Promise<boolean> {
  const a = await probe(oracle, small, domain)
  const b = await probe(oracle, large, domain)
  return a.every((values, i) => values.every((value, j) => Object.is(value, b[i]![j])))
}

/** Logits and gradients of two fixed points, each at the first and at the last row of a batch. */
async function probe(oracle: Oracle, rows: number, domain: Domain): Promise<Float32Array[]> {
  const { size, classes, low, high } = domain
  const batch = await oracle.gradient!(rows)
  const last = batch.rows - 1
  const found: Float32Array[] = []
  const put = (pattern: number, row: number) => {
    for (let i = 0; i < size; i++) {
      // A low-discrepancy sequence: any points do that excite all of the network.
      const t = (0.5 + (i + 1) * (pattern === 0 ? 0.6180339887498949 : 0.7548776662466927)) % 1
      batch.points[row * size + i] = low[i]! + t * (high[i]! - low[i]!)
    }
    for (let j = 0; j < classes; j++) batch.fixed[row * classes + j] = j === pattern % classes ? 1 : -1 / classes
  }
  const take = (row: number) => {
    found.push(batch.logits.slice(row * classes, (row + 1) * classes))
    found.push(batch.gradients.slice(row * size, (row + 1) * size))
  }
  for (const [first, second] of [
    [0, 1],
    [1, 0],
  ] as const) {
    put(first, 0)
    if (last > 0) put(second, last)
    await batch.run()
    take(0)
    if (last > 0) take(last)
    else {
      put(second, 0)
      await batch.run()
      take(0)
    }
  }
  return found
}
