import { BatchLipNorm, type BatchLipNormOptions } from './batch-lip-norm.ts'
import { registerLayer } from './config/layer-registry.ts'

/** `BatchLipNorm` without the scale: subtracts the mean, adds a bias. 1-Lipschitz. */
export class BatchCentering extends BatchLipNorm {
  static override className = 'BatchCentering'

  constructor(options: Omit<BatchLipNormOptions, 'normalize' | 'centering'> = {}) {
    super({ ...options, normalize: false, centering: true })
  }
}

registerLayer(BatchCentering)
