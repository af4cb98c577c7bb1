import type pc from 'picocolors'
import { attackRows } from './attack-rows.ts'
import { showShare } from './format-number.ts'
import type { AttackReport } from './report.ts'
import { table } from './table.ts'

/** What `lip-onnx attack` prints. */
export function renderAttacks(
  found: {
    readonly samples: number
    readonly attacks: readonly AttackReport[]
    readonly robustAccuracy: Readonly<Record<string, number>>
    readonly complete: boolean
  },
  c: ReturnType<typeof pc.createColors>,
): string {
  const radii = Object.entries(found.robustAccuracy).sort(([a], [b]) => Number(a) - Number(b))
  return [
    table([['attack', 'on', 'mean distance', 'distance / certificate', 'samples'], ...attackRows(found.attacks)], {
      right: [2, 3],
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
    ...(found.complete ? [] : [c.yellow('Cut short: these are the finds so far.')]),
  ].join('\n')
}
