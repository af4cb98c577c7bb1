import { attackRows } from './attack-rows.ts'
import type { AttackRunReport } from './attack-run.ts'
import { attackSentence, summariseAttacks } from './attack-summary.ts'
import { showShare } from './format-number.ts'
import { markdownCell, markdownTable } from './markdown.ts'

/** What `attack` found as GitHub-flavoured Markdown. */
export function renderAttackMarkdown(report: AttackRunReport): string {
  const { model, dataset, runtime, tool } = report
  const summary = summariseAttacks(report)
  const sections = [
    `# Attacked: ${markdownCell(model.path)}`,
    `${markdownCell(dataset.name)}, ${markdownCell(dataset.split)} split. ${attackSentence(summary)}`,
    report.complete ? '' : 'Cut short: these are the finds so far.',
    summary.radii.length === 0
      ? ''
      : markdownTable(
          ['L2 radius', 'robust accuracy'],
          summary.radii.map(([radius, share]) => [radius, showShare(share)]),
        ),
    markdownTable(
      ['attack', 'on', 'mean distance', 'samples'],
      attackRows(report.attacks).map(([name, on, mean, , samples]) => [name!, on!, mean!, samples!]),
    ),
    `Model sha256 \`${model.sha256}\`, ${markdownCell(model.producer)}, opset ${model.opset}. Ran on ${runtime.provider}. lip-onnx ${tool.version}.`,
    report.command ? `\`\`\`\n${report.command}\n\`\`\`` : '',
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}
