import { showBound, showBracket } from './format-number.ts'
import type { LayerReport, Report, TraceStep } from './report.ts'
import { wrap } from './wrap.ts'

/** Label and text of each line of a section, labels under one another. */
function section(title: string, entries: readonly (readonly [label: string, text: string])[]): readonly string[] {
  const width = Math.max(...entries.map(([label]) => label.length))
  return [title, ...entries.map(([label, text]) => wrap(`  ${label.padEnd(width)}  `, text))]
}

/** The reason of a step, and what the network has come to there, which stands behind it. */
function reasonOf({ because = '' }: TraceStep): { readonly reason: string; readonly reached: string | undefined } {
  const match = /^(.*); the network up to here: (\S+)$/s.exec(because)
  return match ? { reason: match[1]!, reached: match[2] } : { reason: because, reached: undefined }
}

/** What `--explain NODE` prints: the step of the argument with its reason, the naive constant beside it, the node alone. */
export function renderExplanation(found: {
  readonly node: string
  readonly step?: TraceStep | undefined
  readonly own?: TraceStep | undefined
  readonly layer?: LayerReport | undefined
  readonly refused?: Report['coverage']['refused'][number] | undefined
}): string {
  const { node, step, own, layer, refused } = found
  const out: string[] = []
  if (step) {
    const { reason, reached } = reasonOf(step)
    const many = (step.nodes?.length ?? 0) > 1
    const entries: [string, string][] = [
      ['constant', `${showBound(step.constant, 'upper')}, by the rule ${step.rule}`],
      ['because', reason],
    ]
    if (many && step.naive !== undefined)
      entries.push(['one by one', `${showBound(step.naive, 'upper')} for the same nodes`])
    if (reached !== undefined)
      entries.push(['so far', `${showBound(Number(reached), 'upper')} for the network up to here`])
    if (many) entries.push(['nodes', step.nodes!.join(', ')])
    out.push(...section(many ? `${node} is bounded together with its neighbours, up to ${step.name}` : node, entries))
  }
  if (own && own.rule !== step?.rule) {
    const entries: [string, string][] = [
      ['constant', showBound(own.constant, 'upper')],
      ['because', reasonOf(own).reason],
    ]
    out.push(...section(step ? `${node} alone` : node, entries))
  }
  if (layer) {
    const details = Object.entries(layer.details ?? {}).map(([key, value]): [string, string] => [key, String(value)])
    out.push(
      ...section(`layer ${layer.name} (${layer.op})`, [
        ['norm', `in ${showBracket(layer)}, proved by ${layer.method}`],
        ...details,
      ]),
    )
  }
  if (refused) out.push(wrap(`${refused.name} (${refused.op}): `, `refused, ${refused.reason}`))
  if (out.length === 0) out.push(wrap(`${node}: `, 'nothing is proved of this model, because other nodes have no rule'))
  return out.join('\n')
}
