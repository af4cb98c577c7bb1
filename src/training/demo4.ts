import type { TrainingConfig } from './config.ts'

/**
 * deel-lip's demo 4 as in its 2021 notebook, in today's formulas: the notebook's min_margin .25 is .5 in deel-lip >= 1.4, whose
 * hinge is relu(m / 2 - s f) where it was relu(m - s f).
 */
export const DEMO4_NETWORK: TrainingConfig['network'] = {
  inputShape: [28, 28, 1],
  kCoefLip: 1,
  mode: 'strict',
  layers: [
    spectralConv2D(16),
    { className: 'ScaledL2NormPooling2D', config: { pool_size: [2, 2] } },
    spectralConv2D(32),
    { className: 'ScaledL2NormPooling2D', config: { pool_size: [2, 2] } },
    { className: 'Flatten' },
    { className: 'SpectralDense', config: { units: 64, activation: groupSort2(), kernel_initializer: 'orthogonal' } },
    {
      className: 'FrobeniusDense',
      config: { units: 10, use_bias: false, disjoint_neurons: true, kernel_initializer: 'orthogonal' },
    },
  ],
}

export const DEMO4_LOSS: TrainingConfig['loss'] = {
  className: 'MulticlassHKR',
  config: { alpha: 100, min_margin: 0.5 },
}

function spectralConv2D(filters: number) {
  return {
    className: 'SpectralConv2D',
    config: { filters, kernel_size: [3, 3], activation: groupSort2(), kernel_initializer: 'orthogonal' },
  }
}

function groupSort2() {
  return { class_name: 'GroupSort', config: { n: 2 } }
}

/**
 * The notebook's network, loss, batches of 4096 and 100 epochs. The rate falls along a cosine from 5e-4 where the notebook keeps 1e-4:
 * with its rate deel-lip's own code of today ends at .8449 validation accuracy (the notebook of 2021: .8514), and strict
 * coefficients, being bounds, are up to 7 % smaller than deel-lip's. docs/reproduction.md has the figures.
 */
export const DEMO4_FULL: TrainingConfig = {
  name: 'demo4-full',
  data: { name: 'fashion-mnist' },
  network: DEMO4_NETWORK,
  loss: DEMO4_LOSS,
  optimizer: { name: 'adam', learningRate: 5e-4, schedule: { kind: 'cosine', floor: 0.02 } },
  batchSize: 4096,
  epochs: 100,
  seed: 0,
}

/** Some epochs with smaller batches and a falling rate: at least .80 validation accuracy in minutes. */
export const DEMO4_SHORT: TrainingConfig = {
  ...DEMO4_FULL,
  name: 'demo4',
  optimizer: { name: 'adam', learningRate: 2e-3, schedule: { kind: 'cosine', floor: 0.05 } },
  batchSize: 512,
  epochs: 6,
}

/** A subset and a small budget: everything once, nothing good. */
export const DEMO4_FAST: TrainingConfig = {
  ...DEMO4_SHORT,
  name: 'demo4-fast',
  data: { name: 'fashion-mnist', trainSamples: 12_000, testSamples: 2_000 },
  batchSize: 256,
  epochs: 3,
}
