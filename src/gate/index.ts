/**
 * What a project demands of a model, and the verdict.
 * @module
 */

export { verdictOf } from '../report/verdict.ts'
export { baselineGates } from './baseline.ts'
export { CLAIM_KEY, type Claims, readClaims } from './claims.ts'
export { type Demands, type Evidence, evaluateGates } from './gates.ts'
export { parseLimit } from './limit.ts'
export { type BoundName, checkPolicy, type Policy, readPolicy, type Waiver } from './policy.ts'
export { applyWaivers } from './waivers.ts'
