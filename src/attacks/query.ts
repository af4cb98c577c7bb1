/**
 * What an attack asks of a network, and how it waits for the answer. An attack is a coroutine for ONE sample: it yields
 * queries and is resumed when their buffers are filled. The scheduler packs the queries of many samples into batches, so no
 * attack knows of batches, and a sample's result cannot depend on its neighbours.
 * @module
 */

/**
 * Points at which logits, or logits and a gradient, are wanted. Owned by the attack and used again at every step, so that
 * the inner loop allocates nothing.
 *
 * The gradient of row r is the vector-Jacobian product J(x)^T u with
 *   u = fixed + runnerUp * onehot(argmax(z + exclude)) + softmax * softmax(z)
 * which serves pair margins (fixed alone), margins to the strongest other class, and cross-entropy in one pass.
 */
export interface Query {
  readonly kind: 'gradient' | 'logits'
  /** How many of the rows the buffers hold are wanted now. */
  rows: number
  /** `[rows, size]` */
  readonly points: Float32Array
  /** `[rows, classes]` */
  readonly fixed: Float32Array
  /** `[rows, classes]`: minus a large number at the classes that argmax must not choose. */
  readonly exclude: Float32Array
  /** `[rows]` */
  readonly runnerUp: Float32Array
  /** `[rows]` */
  readonly softmax: Float32Array
  /** `[rows, classes]`, filled when the attack is resumed. */
  readonly logits: Float32Array
  /** `[rows, size]`, filled when the attack is resumed; empty for a logits query. */
  readonly gradients: Float32Array
}

/** A sum over all samples of the run (foolbox's batch-summed loss); every coroutine must ask for it the same number of times. */
export interface Collective {
  readonly kind: 'sum'
  value: number
  /** Filled when the attack is resumed. */
  total: number
}

export type Step = Query | readonly Query[] | Collective

/** A computation about one sample. */
export type Task<T = void> = Generator<Step, T, void>

/** Large against any logit, and far from overflow when added to one. */
export const EXCLUDED = -1e30

export function gradientQuery(size: number, classes: number, rows = 1): Query {
  return { ...query('gradient', size, classes, rows), gradients: new Float32Array(rows * size) }
}

export function logitsQuery(size: number, classes: number, rows = 1): Query {
  return query('logits', size, classes, rows)
}

function query(kind: Query['kind'], size: number, classes: number, rows: number): Query {
  return {
    kind,
    rows,
    points: new Float32Array(rows * size),
    fixed: new Float32Array(kind === 'gradient' ? rows * classes : 0),
    exclude: new Float32Array(kind === 'gradient' ? rows * classes : 0),
    runnerUp: new Float32Array(kind === 'gradient' ? rows : 0),
    softmax: new Float32Array(kind === 'gradient' ? rows : 0),
    logits: new Float32Array(rows * classes),
    gradients: new Float32Array(0),
  }
}

/** Runs several computations about one sample side by side, their queries sharing batches. */
export function* together<T>(tasks: readonly Task<T>[]): Task<T[]> {
  const results: T[] = new Array(tasks.length)
  const waiting = new Map<number, readonly Query[]>()
  const advance = (i: number) => {
    const { done, value } = tasks[i]!.next()
    if (done) {
      results[i] = value
      waiting.delete(i)
    } else if (isCollective(value)) {
      throw new Error('A collective cannot be asked for inside `together`')
    } else {
      waiting.set(i, Array.isArray(value) ? (value as readonly Query[]) : [value as Query])
    }
  }
  for (let i = 0; i < tasks.length; i++) advance(i)
  while (waiting.size > 0) {
    yield [...waiting.values()].flat()
    for (const i of [...waiting.keys()]) advance(i)
  }
  return results
}

export function isCollective(step: Step): step is Collective {
  return (step as Collective).kind === 'sum'
}
