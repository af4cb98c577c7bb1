/**
 * The network as the scheduler sees it: fixed-shape batches with preallocated buffers.
 * @module
 */

/** Buffers of one batch shape. Rows beyond those asked for hold stale data and their results are ignored. */
export interface Batch {
  readonly rows: number
  readonly points: Float32Array
  readonly fixed: Float32Array
  readonly exclude: Float32Array
  readonly runnerUp: Float32Array
  readonly softmax: Float32Array
  readonly logits: Float32Array
  readonly gradients: Float32Array
  /** Reads points and seeds, writes logits (and gradients). */
  run(): Promise<void>
}

/** Contract: the result of a row depends on that row alone, to the last bit, whatever the batch shape. */
export interface Oracle {
  /** Elements of one sample. */
  readonly size: number
  /** Logits of one sample; 1 = a binary score. */
  readonly classes: number
  /** Most rows of one batch. */
  readonly capacity: number
  /** Undefined: the network has no gradient (then `reason` says why). */
  readonly gradient: ((rows: number) => Promise<Batch>) | undefined
  readonly reason?: string
  /** A batch of at least `rows` rows (`rows` <= capacity). */
  logits(rows: number): Promise<Batch>
}
