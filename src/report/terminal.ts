/**
 * The report for a terminal.
 * @module
 */
import type pc from 'picocolors'
import { attackRows } from './attack-rows.ts'
import { showBeside, showBound, showBracket, showLimit, showRadius, showShare } from './format-number.ts'
import type { GateStatus, Report, Verdict } from './report.ts'
import {
  accuracyByRadius,
  boundSentence,
  ledgerWords,
  ranOn,
  seedRule,
  seedRuleHolds,
  verdictWords,
} from './summary.ts'
import { table } from './table.ts'

type Colors = ReturnType<typeof pc.createColors>
type Paint = (text: string) => string

/** Longer tables are cut in the middle: the whole is in the other formats. */
const MOST_ROWS = 40

function verdictPaint(c: Colors): Readonly<Record<Verdict, Paint>> {
  return { pass: c.green, violated: c.red, inconclusive: c.yellow, timeout: c.yellow, alarm: c.magenta }
}

function cut<T>(rows: readonly T[], note: (dropped: number) => T): readonly T[] {
  if (rows.length <= MOST_ROWS) return rows
  const half = MOST_ROWS / 2
  return [...rows.slice(0, half), note(rows.length - MOST_ROWS), ...rows.slice(-half)]
}

function layers(report: Report, c: Colors): string[] {
  if (report.layers.length === 0) return []
  const rows = report.layers.map(({ name, op, lower, upper, method, claim }) => [
    op,
    name,
    claim === undefined ? showBound(lower, 'lower') : showBeside(lower, 'lower', claim),
    claim === undefined ? showBound(upper, 'upper') : showBeside(upper, 'upper', claim),
    claim === undefined ? '' : `claims ${showLimit(claim)}`,
    method,
  ])
  const shown = cut(rows, (dropped) => ['', `... ${dropped} more ...`, '', '', '', ''])
  const claims = report.layers.some((layer) => layer.claim !== undefined)
  const header = ['op', 'layer', 'norm >=', 'norm <=', claims ? 'metadata' : '', 'method']
  return [
    '',
    c.bold('Layers'),
    table([header, ...shown], {
      right: [2, 3],
      paint: (cell, row) => (row === 0 ? c.dim(cell) : cell),
    }),
  ]
}

function bounds({ lipschitz }: Report, c: Colors): string[] {
  const rows = [
    ['every output (logit)', lipschitz.logit],
    ['two outputs (pair)', lipschitz.pair],
    ['all outputs (joint)', lipschitz.joint],
    ['feature map', lipschitz.features],
  ] as const
  return [
    '',
    c.bold(`Lipschitz constant (L2)${lipschitz.everySize ? ', for every height and width' : ''}`),
    table(rows.map(([name, bound]) => [name, showBracket(bound)])),
  ]
}

function certificates(report: Report, c: Colors): string[] {
  const { certificates: found } = report
  if (!found) return []
  const radii = accuracyByRadius(found)
  const seed = seedRuleHolds(report) ? '' : ' (not certified: no proof that every output is 1-Lipschitz)'
  const dataset = report.dataset ? ` on ${report.dataset.name} ${report.dataset.split}` : ''
  return [
    '',
    c.bold(`Certificates${dataset}`),
    table([
      ['accuracy', `${showShare(found.correct / found.count)} of ${found.count} samples`],
      ['mean radius', `${showRadius(found.mean)}, median ${showRadius(found.median)} (over correct samples)`],
      ['seed rule', `${showRadius(found.meanSeedRadius)} = mean ${seedRule(report)}${seed}`],
    ]),
    table(
      [
        ['certified at L2 radius', ...radii.map(([radius]) => radius)],
        ['accuracy', ...radii.map(([, share]) => showShare(share))],
      ],
      { right: radii.map((_, i) => i + 1) },
    ),
  ]
}

function attacks(report: Report, c: Colors): string[] {
  if (report.attacks.length === 0) return []
  return [
    '',
    c.bold('Attacks'),
    table([['attack', 'on', 'mean distance', 'distance / certificate >=', 'samples'], ...attackRows(report.attacks)], {
      right: [2, 3],
      paint: (cell, row) => (row === 0 ? c.dim(cell) : cell),
    }),
  ]
}

function gates(report: Report, c: Colors): string[] {
  const marks: Readonly<Record<GateStatus, string>> = {
    pass: c.green('pass'),
    fail: c.red('FAIL'),
    inconclusive: c.yellow('open'),
    alarm: c.magenta('ALARM'),
    waived: c.dim('waived'),
    noted: c.dim('note'),
  }
  const failing = report.gates.filter((gate) => gate.status !== 'pass')
  const passing = report.gates.filter((gate) => gate.status === 'pass')
  // What passes is only listed while it is short; what does not, always.
  const shown = [...failing, ...passing.slice(0, 8)]
  const rest = report.gates.length - shown.length
  return [
    '',
    c.bold('Gates'),
    ...shown.map((gate) => `${marks[gate.status]}  ${gate.message}`),
    ...(rest > 0 ? [c.dim(`pass  and ${rest} more`)] : []),
  ]
}

function ledger(report: Report, c: Colors): string[] {
  if (report.ledger.length === 0) return []
  return [
    '',
    c.bold('Where the radius comes from (mean over correct samples)'),
    table(
      report.ledger.map(({ step, meanRadius }) => [ledgerWords(step, report), showRadius(meanRadius)]),
      { right: [1] },
    ),
  ]
}

/** The whole report as text. */
export function renderTerminal(report: Report, c: Colors): string {
  const { model, runtime } = report
  const paint = verdictPaint(c)[report.verdict]
  const refused = report.coverage.refused.map(({ name, op, reason }) => c.yellow(`no rule: ${name} (${op}): ${reason}`))
  return [
    `${c.bold(model.path)}  ${c.dim(`${model.producer}, opset ${model.opset}, ${model.parameters} parameters, sha256 ${model.sha256.slice(0, 12)}`)}`,
    ...bounds(report, c),
    ...layers(report, c),
    ...(refused.length > 0 ? ['', ...cut(refused, (dropped) => `... ${dropped} more ...`)] : []),
    ...certificates(report, c),
    ...ledger(report, c),
    ...attacks(report, c),
    ...gates(report, c),
    '',
    c.dim(`${ranOn(report)}${runtime.reason ? ` (${runtime.reason})` : ''}.`),
    '',
    paint(c.bold(`${verdictWords(report).toUpperCase()}  ${boundSentence(report)}`)),
  ].join('\n')
}
