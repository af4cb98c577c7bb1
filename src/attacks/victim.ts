import type { Domain } from './domain.ts'
import type { Oracle } from './oracle.ts'
import type { Referee } from './referee.ts'

/** A network under attack: gradients in batches, and the plain network as judge. */
export interface Victim extends Referee {
  readonly oracle: Oracle
  readonly domain: Domain
  /** Execution provider that runs it. */
  readonly provider: string
  release(): Promise<void>
}
