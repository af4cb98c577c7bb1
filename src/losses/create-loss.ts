import { LipError } from '../errors.ts'
import { withoutPackage } from '../layers/config/serialized-object.ts'
import { type Loss, type LossConfig, readLossConfig } from './loss.ts'

interface LossClass {
  readonly className: string
  new (options: never): Loss
}

const LOSSES = new Map<string, (options: Record<string, unknown>) => Loss>()

export function registerLoss(cls: LossClass): void {
  const create = cls as unknown as new (options: Record<string, unknown>) => Loss
  LOSSES.set(cls.className, (options) => new create(options))
}

/**
 * A loss by deel-lip's class name and configuration (snake_case or camelCase keys). Load `losses/index.ts` for all of them.
 * @throws LipError when the name is unknown
 */
export function createLoss({ className, config = {} }: { className: string; config?: LossConfig }): Loss {
  const create = LOSSES.get(withoutPackage(className))
  if (create === undefined) {
    throw new LipError('CONFIG_INVALID', `Unknown loss "${className}".`, {
      hint: `Known: ${[...LOSSES.keys()].join(', ')}.`,
    })
  }
  return create(readLossConfig(config))
}
