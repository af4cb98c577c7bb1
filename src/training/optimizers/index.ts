import type { OptimizerConfig } from '../config.ts'
import { adam } from './adam.ts'
import type { Optimizer } from './optimizer.ts'
import { sgd } from './sgd.ts'

/** The optimizer that a configuration asks for. */
export function createOptimizer(config: OptimizerConfig): Optimizer {
  return config.name === 'adam' ? adam(config) : sgd(config)
}
