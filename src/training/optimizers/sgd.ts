import type { Optimizer } from './optimizer.ts'

/** Stochastic gradient descent with (optionally Nesterov) momentum, as in Keras: v = momentum v - rate g. */
export function sgd({ momentum = 0, nesterov = false }: { momentum?: number; nesterov?: boolean } = {}): Optimizer {
  return {
    name: 'sgd',
    create: (sizes) => ({ step: 0, slots: sizes.map((n) => [new Float32Array(n)]) }),
    update(state, variables, gradients, learningRate) {
      state.step++
      for (let k = 0; k < variables.length; k++) {
        const value = variables[k]!
        const gradient = gradients[k]!
        const velocity = state.slots[k]![0]!
        for (let i = 0; i < value.length; i++) {
          velocity[i] = momentum * velocity[i]! - learningRate * gradient[i]!
          const step = nesterov ? momentum * velocity[i]! - learningRate * gradient[i]! : velocity[i]!
          value[i] = value[i]! + step
        }
      }
    },
  }
}
