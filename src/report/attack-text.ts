import type pc from 'picocolors'
import { attackRows } from './attack-rows.ts'
import type { AttackRunReport } from './attack-run.ts'
import { attackSentence, summariseAttacks } from './attack-summary.ts'
import { showShare } from './format-number.ts'
import { table } from './table.ts'

/** What `lip-onnx attack` prints. */
export function renderAttacks(report: AttackRunReport, c: ReturnType<typeof pc.createColors>): string {
  const summary = summariseAttacks(report)
  const { radii } = summary
  // Nothing is certified here, so the column about certificates says nothing.
  const rows = attackRows(report.attacks).map(([name, on, mean, , samples]) => [name!, on!, mean!, samples!])
  return [
    table([['attack', 'on', 'mean distance', 'samples'], ...rows], {
      right: [2],
      paint: (cell, row) => (row === 0 ? c.dim(cell) : cell),
    }),
    ...(radii.length > 0
      ? [
          '',
          table([
            ['L2 radius', ...radii.map(([radius]) => radius)],
            ['robust accuracy', ...radii.map(([, share]) => showShare(share))],
          ]),
        ]
      : []),
    '',
    attackSentence(summary),
    ...(report.complete ? [] : [c.yellow('Cut short: these are the finds so far.')]),
  ].join('\n')
}
