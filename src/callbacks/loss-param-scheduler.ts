import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'
import type { Loss } from '../losses/loss.ts'

export interface LossParamSchedulerOptions {
  loss: Loss
  /** deel-lip's name ('min_margin') or ours ('minMargin'). */
  paramName: string
  /** Values at the steps `xp` (increasing); linear in between, constant outside. */
  fp: readonly number[]
  xp: readonly number[]
  step?: number
}

/** Moves a parameter of the loss before each training batch: value = interp(step, xp, fp), then step + 1. */
export class LossParamScheduler extends tf.Callback {
  step: number
  private readonly options: LossParamSchedulerOptions

  constructor(options: LossParamSchedulerOptions) {
    super()
    const { xp, fp } = options
    if (xp.length === 0 || xp.length !== fp.length || xp.some((x, i) => i > 0 && !(x > xp[i - 1]!))) {
      throw new LipError('CONFIG_INVALID', 'LossParamScheduler needs as many values fp as increasing steps xp.')
    }
    readLossParameter(options.loss, options.paramName)
    this.options = options
    this.step = options.step ?? 0
  }

  override async onBatchBegin(): Promise<void> {
    this.advance()
  }

  /** One step, for loops that do not use TensorFlow.js' callbacks. */
  advance(): void {
    const { loss, paramName, xp, fp } = this.options
    ;(loss as unknown as Record<string, number>)[parameterKey(paramName)] = interpolate(this.step, xp, fp)
    this.step++
  }
}

export function parameterKey(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** @throws LipError when the loss has no such number */
export function readLossParameter(loss: Loss, name: string): number {
  const value = (loss as unknown as Record<string, unknown>)[parameterKey(name)]
  if (typeof value === 'number') return value
  throw new LipError('CONFIG_INVALID', `Loss "${loss.name}" has no parameter "${name}".`)
}

/** numpy.interp. */
export function interpolate(x: number, xp: readonly number[], fp: readonly number[]): number {
  if (x <= xp[0]!) return fp[0]!
  for (let i = 1; i < xp.length; i++) {
    if (x <= xp[i]!) {
      const share = (x - xp[i - 1]!) / (xp[i]! - xp[i - 1]!)
      return fp[i - 1]! + share * (fp[i]! - fp[i - 1]!)
    }
  }
  return fp.at(-1)!
}
