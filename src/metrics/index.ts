/**
 * deel-lip's provable metrics, and their variants with pairwise head norms.
 * @module
 */
export { BinaryProvableAvgRobustness } from './binary-provable-avg-robustness.ts'
export { BinaryProvableRobustAccuracy } from './binary-provable-robust-accuracy.ts'
export { CategoricalProvableAvgRobustness } from './categorical-provable-avg-robustness.ts'
export { CategoricalProvableRobustAccuracy } from './categorical-provable-robust-accuracy.ts'
export { binaryRadius, categoricalRadius, pairNorms } from './certified-radius.ts'
export { createMetric, ProvableMetric } from './provable-metric.ts'
