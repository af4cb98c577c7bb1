import type { Demands } from '../gate/gates.ts'
import { limitOf, parseLimit } from '../gate/limit.ts'
import type { Policy } from '../gate/policy.ts'
import type { VerifyOptions } from './verify-model.ts'

/** What is demanded: options before policy before defaults; limits rounded down to doubles. */
export function demandsOf(options: VerifyOptions, policy: Policy): Demands {
  const limit = options.maxLipschitz ?? policy.lipschitz?.max ?? 1
  const maxLipschitz = typeof limit === 'string' ? parseLimit(limit, '--max-lipschitz') : limitOf(limit, 'The limit')
  const layer = options.maxLayer ?? policy.layers?.max
  const max = layer === undefined ? undefined : typeof layer === 'string' ? parseLimit(layer, '--max-layer') : layer
  return {
    of: options.of ?? policy.lipschitz?.of ?? 'logit',
    maxLipschitz,
    policy: max === undefined ? policy : { ...policy, layers: { ...policy.layers, max } },
  }
}
