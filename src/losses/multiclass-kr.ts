import { registerLoss } from './create-loss.ts'
import { KR, type KROptions } from './kr.ts'

/** `KR` averaged over the classes, each against the rest. */
export class MulticlassKR extends KR {
  static override className = 'MulticlassKR'

  constructor(options: KROptions = {}) {
    super(options, 'MulticlassKR')
  }

  override getClassName(): string {
    return 'MulticlassKR'
  }
}

registerLoss(MulticlassKR)
