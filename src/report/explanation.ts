import { showBound, showBracket } from './format-number.ts'
import type { LayerReport, Report, TraceStep } from './report.ts'

function lines(title: string, step: TraceStep): readonly string[] {
  return [
    `${title} ${step.name}: rule ${step.rule}, constant ${showBound(step.constant, 'upper')}`,
    ...(step.because ? [`  because ${step.because}`] : []),
    ...(step.naive === undefined ? [] : [`  the same nodes one by one: ${showBound(step.naive, 'upper')}`]),
    ...(step.nodes && step.nodes.length > 1 ? [`  nodes: ${step.nodes.join(', ')}`] : []),
  ]
}

/** What `--explain NODE` prints: the step of the argument with its reason, the naive constant beside it, the node alone. */
export function renderExplanation(found: {
  readonly step?: TraceStep | undefined
  readonly own?: TraceStep | undefined
  readonly layer?: LayerReport | undefined
  readonly refused?: Report['coverage']['refused'][number] | undefined
}): string {
  const { step, own, layer, refused } = found
  const out: string[] = []
  if (step) out.push(...lines('step', step))
  if (own && own.rule !== step?.rule) out.push(...lines('alone', own))
  if (layer) {
    out.push(`layer ${layer.name} (${layer.op}): norm in ${showBracket(layer)}, proved by ${layer.method}`)
    for (const [key, value] of Object.entries(layer.details ?? {})) out.push(`  ${key}: ${String(value)}`)
  }
  if (refused) out.push(`${refused.name} (${refused.op}): refused, ${refused.reason}`)
  return out.join('\n')
}
