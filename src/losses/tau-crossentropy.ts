import { checkNumber, Loss, type LossOptions } from './loss.ts'

export interface TauOptions extends LossOptions {
  /** Inverse temperature: small is robust (3), large is accurate (100). */
  tau?: number
}

/** Cross-entropy of tau times the logits, divided by tau (arXiv:2104.05097). */
export abstract class TauCrossentropy extends Loss {
  tau: number

  constructor(defaultName: string, options: TauOptions) {
    super(defaultName, options)
    this.tau = checkNumber(options.tau ?? Number.NaN, 'tau', this.name)
  }

  protected override parameters(): Record<string, unknown> {
    return { tau: this.tau }
  }
}
