import type { GateReport } from '../report/report.ts'
import type { Waiver } from './policy.ts'

/**
 * Applies waivers: a waived gate no longer decides, and says so with the reason. An alarm cannot be waived, a waiver never
 * changes a number, one that has run out is itself a finding, and one that meets no gate is noted.
 * @param today `YYYY-MM-DD`
 */
export function applyWaivers(
  gates: readonly GateReport[],
  waivers: readonly Waiver[],
  today: string,
): readonly GateReport[] {
  const out = gates.map((gate): GateReport => {
    const waiver = waivers.find((candidate) => candidate.gate === gate.id && candidate.expires >= today)
    if (!waiver || gate.status === 'pass' || gate.status === 'alarm') return gate
    return { ...gate, status: 'waived', message: `${gate.message} Waived until ${waiver.expires}: ${waiver.reason}` }
  })
  for (const waiver of waivers) {
    if (waiver.expires < today) {
      const message = `The waiver of '${waiver.gate}' ran out on ${waiver.expires}.`
      out.push({ id: `waiver:${waiver.gate}`, status: 'inconclusive', limit: waiver.expires, value: today, message })
    } else if (!gates.some((gate) => gate.id === waiver.gate)) {
      const message = `The waiver of '${waiver.gate}' meets no gate of that name.`
      out.push({ id: `waiver:${waiver.gate}`, status: 'noted', limit: waiver.expires, value: today, message })
    }
  }
  return out
}
