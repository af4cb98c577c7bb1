/**
 * The one place where TensorFlow.js is imported. tfjs-layers must be loaded for the gradients to be registered, and both
 * packages must be the same CommonJS instance, so everything else imports from here. Functional style only: `tf.square(x)`.
 * @module
 */
export * from '@tensorflow/tfjs-core'
export {
  Callback,
  CustomCallback,
  constraints,
  InputSpec,
  initializers,
  input,
  LayersModel,
  LayerVariable,
  layers,
  loadLayersModel,
  model,
  models,
  regularizers,
  Sequential,
  type Shape,
  SymbolicTensor,
  sequential,
} from '@tensorflow/tfjs-layers'

import {
  constraints as constraintFactories,
  initializers as initializerFactories,
  regularizers as regularizerFactories,
} from '@tensorflow/tfjs-layers'

// TensorFlow.js does not export these base classes; its factories' instances know them, and `getInitializer`, `getConstraint`
// and `getRegularizer` inside the library test for them with instanceof.
const baseOf = (instance: object): unknown => Object.getPrototypeOf(instance.constructor)

export type Initializer = ReturnType<typeof initializerFactories.ones>
export const Initializer = baseOf(initializerFactories.zeros()) as abstract new () => Initializer
export type Constraint = ReturnType<typeof constraintFactories.nonNeg>
export const Constraint = baseOf(constraintFactories.nonNeg()) as abstract new () => Constraint
export type Regularizer = ReturnType<typeof regularizerFactories.l1l2>
export const Regularizer = baseOf(regularizerFactories.l1l2()) as abstract new () => Regularizer
