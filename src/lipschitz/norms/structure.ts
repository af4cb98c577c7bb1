import type { Enclosure } from '../../linalg/enclosure.ts'
import { largestMagnitude } from '../../linalg/power-of-two.ts'
import { downward } from '../../linalg/rounding.ts'
import type { LinearStructure } from '../../ops/operator.ts'
import { timesUp } from '../../ops/sum-up.ts'
import { largestUp } from './absolute.ts'
import { encloseConvolution, encloseTorus, type NormOptions } from './convolution.ts'
import { encloseMatrix } from './matrix.ts'
import { largest, storedRelativeError } from './perturbed.ts'

/** Two-sided enclosure of the spectral norm of any linear structure. */
export function encloseStructure(structure: LinearStructure, options: NormOptions = {}): Enclosure {
  switch (structure.kind) {
    case 'convolution':
      return options.everySize ? encloseTorus(structure, options) : encloseConvolution(structure, options)
    case 'matrix':
      return encloseMatrix(structure, options)
    case 'blocks': {
      const found = structure.blocks.map((matrix) => encloseMatrix({ matrix }, options))
      return found.length === 0 ? { lower: 0, upper: 0, method: 'zero' } : largest(found)
    }
    case 'diagonal': {
      // |diag(c)| = max |c|, attained by the unit vector there.
      const upper = largestUp(structure.scale)
      if (!Number.isFinite(upper)) return { lower: 0, upper, method: 'diagonal' }
      const relative = storedRelativeError(structure.scale.relativeError)
      const stored = largestMagnitude(structure.scale.data)
      return { lower: relative === 0 ? stored : downward(stored * (1 - relative), 2), upper, method: 'diagonal' }
    }
    case 'kronecker': {
      // The singular values of A (x) B are the products of those of A and B.
      const factors = structure.factors.map((matrix, i) =>
        encloseMatrix({ matrix, perturbation: structure.perturbations?.[i] ?? 0 }, options),
      )
      return {
        lower: factors.reduce((product, { lower }) => downward(product * lower), 1),
        upper: factors.some(({ upper }) => upper === Number.POSITIVE_INFINITY)
          ? Number.POSITIVE_INFINITY
          : factors.reduce((product, { upper }) => timesUp(product, upper), 1),
        method: 'kronecker',
      }
    }
    case 'closed-form':
      return { lower: 0, upper: structure.norm >= 0 ? structure.norm : Number.POSITIVE_INFINITY, method: 'closed-form' }
  }
}
