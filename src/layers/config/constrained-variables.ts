import type * as tf from '../tf.ts'

const CONSTRAINTS = new WeakMap<tf.LayerVariable, tf.Constraint>()

/**
 * Attaches a constraint for `applyConstraints`. It is kept here and not in the variable, because TensorFlow.js projects on
 * `setWeights` (a loaded model would differ from the saved one) and not after an optimizer's update.
 */
export function constrain(variable: tf.LayerVariable, constraint: tf.Constraint | null): void {
  if (constraint !== null) CONSTRAINTS.set(variable, constraint)
}

/** The constraint of a variable, ours or TensorFlow.js' own. */
export function constraintOf(variable: tf.LayerVariable): tf.Constraint | undefined {
  return (
    CONSTRAINTS.get(variable) ?? (variable as unknown as { constraint?: tf.Constraint | null }).constraint ?? undefined
  )
}
