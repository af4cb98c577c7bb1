/**
 * onnxruntime sessions: providers, numeric profiles, batched runs.
 * @module
 */
export { batchedForward, type ForwardOptions } from './batched-forward.ts'
export type { NumericProfile, ProviderName } from './profiles.ts'
export { discoverProviders, type ProviderStatus } from './providers.ts'
export { openSession, type Session, type SessionOptions } from './session.ts'
