import type { Optimizer } from './optimizer.ts'

export interface AdamOptions {
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

/**
 * Adam (Kingma and Ba, arXiv 1412.6980, Algorithm 1) in Keras' arrangement: the bias corrections are folded into the
 * learning rate and epsilon is added to the uncorrected root; defaults .9, .999, 1e-7.
 */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7 }: AdamOptions = {}): Optimizer {
  return {
    name: 'adam',
    create: (sizes) => ({ step: 0, slots: sizes.map((n) => [new Float32Array(n), new Float32Array(n)]) }),
    update(state, variables, gradients, learningRate) {
      state.step++
      const rate = (learningRate * Math.sqrt(1 - beta2 ** state.step)) / (1 - beta1 ** state.step)
      for (let k = 0; k < variables.length; k++) {
        const value = variables[k]!
        const gradient = gradients[k]!
        const [m, v] = state.slots[k]! as [Float32Array, Float32Array]
        for (let i = 0; i < value.length; i++) {
          const g = gradient[i]!
          m[i] = beta1 * m[i]! + (1 - beta1) * g
          v[i] = beta2 * v[i]! + (1 - beta2) * g * g
          value[i] = value[i]! - (rate * m[i]!) / (Math.sqrt(v[i]!) + epsilon)
        }
      }
    },
  }
}
