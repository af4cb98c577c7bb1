/**
 * The report as GitHub-flavoured Markdown, for summaries and model cards.
 * @module
 */
import { showBound, showRadius, showShare } from './format-number.ts'
import type { Report } from './report.ts'
import { accuracyByRadius, boundSentence, certificateSentence, ranOn, verdictWords } from './summary.ts'

/** GitHub cuts step summaries at 1 MiB; long tables stop here. */
const MOST_ROWS = 200

/** Text that cannot break out of a table. */
export const markdownCell = (value: string | number) =>
  String(value).replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('\n', ' ').replaceAll('<', '&lt;')

export function markdownTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.map(markdownCell).join(' | ')} |`
  const shown = rows.slice(0, MOST_ROWS)
  const rest = rows.length > MOST_ROWS ? [`\n${rows.length - MOST_ROWS} more rows are in the JSON report.`] : []
  return [line(header), `|${header.map(() => ' --- ').join('|')}|`, ...shown.map(line), ...rest].join('\n')
}

/** The whole report but for single samples. */
export function renderMarkdown(report: Report): string {
  const { lipschitz, certificates, model } = report
  const certified = certificateSentence(report)
  const sections = [
    `# ${verdictWords(report)}: ${markdownCell(model.path)}`,
    boundSentence(report),
    certified ?? '',
    markdownTable(
      ['gate', 'status', 'finding'],
      report.gates.map((gate) => [gate.id, gate.status, gate.message]),
    ),
    '## Lipschitz constant (L2)',
    markdownTable(
      ['of', 'at least', 'at most'],
      (['logit', 'pair', 'joint', 'features'] as const).map((of) => [
        of,
        showBound(lipschitz[of].lower, 'lower'),
        showBound(lipschitz[of].upper, 'upper'),
      ]),
    ),
  ]
  if (report.layers.length > 0) {
    sections.push(
      '## Layers',
      markdownTable(
        ['layer', 'op', 'at least', 'at most', 'method'],
        report.layers.map(({ name, op, lower, upper, method }) => [
          name,
          op,
          showBound(lower, 'lower'),
          showBound(upper, 'upper'),
          method,
        ]),
      ),
    )
  }
  if (report.coverage.refused.length > 0) {
    sections.push(
      '## Without a rule',
      markdownTable(
        ['node', 'op', 'reason'],
        report.coverage.refused.map(({ name, op, reason }) => [name, op, reason]),
      ),
    )
  }
  if (certificates) {
    sections.push(
      '## Certificates',
      markdownTable(
        ['L2 radius', 'certified accuracy'],
        accuracyByRadius(certificates).map(([r, share]) => [r, showShare(share)]),
      ),
    )
  }
  if (report.attacks.length > 0) {
    sections.push(
      '## Attacks',
      markdownTable(
        ['attack', 'samples', 'mean distance', 'smallest distance / certificate'],
        report.attacks.map(({ name, samples, meanDistance, minRatio }) => [
          name,
          samples.length,
          meanDistance === null ? 'none found' : showRadius(meanDistance),
          minRatio === null ? '-' : showBound(minRatio, 'lower'),
        ]),
      ),
    )
  }
  sections.push(
    `Model sha256 \`${model.sha256}\`, ${markdownCell(model.producer)}, opset ${model.opset}. ${ranOn(report)}. lip-onnx ${report.tool.version}.`,
  )
  if (report.command) sections.push(`\`\`\`\n${report.command}\n\`\`\``)
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}
