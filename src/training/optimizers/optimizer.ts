/** What an optimizer keeps for one variable, as plain arrays so that a checkpoint restores it to the last bit. */
export interface OptimizerState {
  /** Updates done so far. */
  step: number
  /** One entry a variable, in the order of the variables; each holds the slots of that variable. */
  readonly slots: Float32Array[][]
}

/**
 * A first-order optimizer on flat float32 arrays. It runs outside tfjs so that every engine (tfjs on any backend, onnxruntime)
 * takes the very same steps and `--resume` continues bit for bit; tfjs's own Adam recomputes its bias correction on restore.
 */
export interface Optimizer {
  readonly name: string
  create(sizes: readonly number[]): OptimizerState
  /** Updates `variables` in place. `learningRate` is that of this step. */
  update(
    state: OptimizerState,
    variables: readonly Float32Array[],
    gradients: readonly Float32Array[],
    learningRate: number,
  ): void
}
