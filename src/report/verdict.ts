import { EXIT, type ExitCode } from '../errors.ts'
import type { GateReport, Verdict } from './report.ts'

/**
 * One verdict from all findings. An alarm is never averaged away; a proved violation stands whatever else is unknown;
 * nothing at all to judge is inconclusive.
 */
export function verdictOf(gates: readonly GateReport[], outOfTime: boolean): { verdict: Verdict; exitCode: ExitCode } {
  const any = (status: GateReport['status']) => gates.some((gate) => gate.status === status)
  if (any('alarm')) return { verdict: 'alarm', exitCode: EXIT.alarm }
  if (any('fail')) return { verdict: 'violated', exitCode: EXIT.violated }
  if (outOfTime) return { verdict: 'timeout', exitCode: EXIT.timeBudget }
  if (any('inconclusive') || gates.length === 0) return { verdict: 'inconclusive', exitCode: EXIT.inconclusive }
  return { verdict: 'pass', exitCode: EXIT.pass }
}
