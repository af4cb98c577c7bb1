import type { AttackRunReport } from './attack-run.ts'
import { attackSentence, summariseAttacks } from './attack-summary.ts'
import { showShare } from './format-number.ts'
import { robustCurve } from './html/curves.ts'
import { type Markup, markup } from './html/markup.ts'
import { fileName, htmlPage, modelParagraph, originParagraph, section, tileRow } from './html/page.ts'
import { pictureGrid } from './html/pictures.ts'
import { attackTable } from './html/tables.ts'

/** The page of `lip-onnx attack`. */
export function renderAttackHtml(report: AttackRunReport): string {
  const { attacks, dataset, runtime, model, pictures } = report
  const summary = summariseAttacks(report)
  const { samples, correct, mean, median, radii } = summary
  const where = `${dataset.name}, ${dataset.split} split${dataset.source ? ` (${dataset.source})` : ''}.`
  const table = markup`<table><tr><th>still correct within</th><th class="number">robust accuracy</th></tr>${radii.map(
    ([radius, share]) => markup`<tr><td>L2 radius ${radius}</td><td class="number">${showShare(share)}</td></tr>`,
  )}</table>`
  const figures: (readonly [string, string])[] = [
    [showShare(samples === 0 ? 0 : correct / samples), `accuracy on ${samples} samples`],
    [mean === null ? 'none' : mean.toFixed(4), 'mean L2 distance of the nearest adversarials'],
    [median === null ? 'none' : median.toFixed(4), 'median'],
    ...radii
      .slice(0, 3)
      .map(([radius, share]) => [showShare(share), `robust accuracy at L2 radius ${radius}`] as const),
  ]
  const body: (Markup | false | undefined)[] = [
    tileRow(figures),
    pictures !== undefined &&
      pictures.length > 0 &&
      section(
        'Original, adversarial, difference',
        'One image of each class with the nearest adversarial that any attack found. In the difference map red is darker and green is lighter, scaled by the largest change.',
        pictureGrid(pictures),
      ),
    section(
      'Robust accuracy',
      `${where} Share of samples that are classified correctly, and that no attack changed within that L2 distance. A stronger attack may find less: only a certificate bounds it from below.`,
      markup`<div class="card">${robustCurve(attacks)}</div>${radii.length > 0 && markup`<div class="card">${table}</div>`}`,
    ),
    section(
      'Attacks',
      'Every adversarial was evaluated again by the plain model, one sample at a time.',
      markup`<div class="card">${attackTable(report)}</div>`,
    ),
    section(
      'Where this comes from',
      'The file, the machine, and what is assumed.',
      markup`<div class="card small">${modelParagraph(model)}<p>Ran on <b>${runtime.provider}</b>${runtime.reason && ` (${runtime.reason})`}, inputs within [${report.inputRange.join(', ')}], seed ${report.seed}.</p>${originParagraph(report)}</div>`,
    ),
  ]
  return htmlPage({
    word: report.complete ? 'Attacked' : 'Attacked, cut short',
    tone: report.complete ? 'attacked' : 'timeout',
    name: fileName(model.path),
    lead: [attackSentence(summary)],
    body,
  })
}
