/**
 * The report as one self-contained page: no script, no network, light and dark.
 * @module
 */

import { showBound, showLimit, showRadius, showShare } from './format-number.ts'
import { certifiedCurve, trainingCurves } from './html/curves.ts'
import { isBinary, outputHistogram } from './html/histogram.ts'
import { type Markup, markup } from './html/markup.ts'
import { fileName, htmlPage, modelParagraph, originParagraph, section, tileRow } from './html/page.ts'
import { pictureGrid } from './html/pictures.ts'
import { planeDrawing } from './html/plane.ts'
import {
  accuracyTable,
  attackTable,
  boundTable,
  gateTable,
  layerTable,
  ledgerTable,
  traceTable,
} from './html/tables.ts'
import type { Report } from './report.ts'
import { boundSentence, certificateSentence, ranOn, verdictWords } from './summary.ts'

function tiles(report: Report): Markup {
  const { lipschitz, certificates, attacks } = report
  const ratios = attacks.flatMap((attack) => attack.minRatio ?? [])
  const { upper } = lipschitz[lipschitz.of]
  const of = `(${lipschitz.of}); limit ${showLimit(lipschitz.threshold)}`
  return tileRow([
    upper === null
      ? ['none', `no L2 Lipschitz bound is proved ${of}`]
      : [showBound(upper, 'upper'), `proved L2 Lipschitz bound ${of}`],
    ...(certificates
      ? [
          [
            showShare(certificates.count === 0 ? 0 : certificates.correct / certificates.count),
            `accuracy on ${certificates.count} samples`,
          ] as const,
          [showRadius(certificates.mean), 'mean certified L2 radius of correct samples'] as const,
        ]
      : []),
    ...(ratios.length > 0
      ? [[`${showBound(Math.min(...ratios), 'lower', 4)}x`, 'nearest attack, in certified radii'] as const]
      : []),
  ])
}

function dataSections(report: Report): readonly Markup[] {
  const { certificates, attacks, pictures, dataset } = report
  const out: Markup[] = []
  if (pictures && pictures.length > 0) {
    out.push(
      section(
        'Original, adversarial, difference',
        'One image of each class. In the difference map red is darker and green is lighter, scaled by the largest change. No attack may come nearer than the certificate.',
        pictureGrid(pictures),
      ),
    )
  }
  if (certificates) {
    const where = dataset
      ? `${dataset.name}, ${dataset.split} split${dataset.source ? ` (${dataset.source})` : ''}. `
      : ''
    out.push(
      section(
        'Certified accuracy',
        `${where}Share of samples that are classified correctly, and for which no perturbation of that L2 size can change the class.`,
        markup`<div class="card">${certifiedCurve(report)}</div><div class="columns"><div class="card">${accuracyTable(report)}</div>${report.ledger.length > 0 && markup`<div class="card">${ledgerTable(report)}</div>`}</div>`,
      ),
    )
  }
  if (report.plane) {
    out.push(
      section(
        'The output over the plane',
        'The one output f of the network, and the samples. The class changes on the strong line; f at a sample, divided by the proved bound, is how far from it every point must be.',
        markup`<div class="card">${planeDrawing(report)}</div>`,
      ),
    )
  }
  if (isBinary(report)) {
    out.push(
      section(
        'Outputs by class',
        'How many samples of each class have which output; the sign decides. Samples on the wrong side of zero are misclassified.',
        markup`<div class="card">${outputHistogram(report)}</div>`,
      ),
    )
  }
  if (attacks.length > 0) {
    out.push(
      section(
        'Attacks',
        'Every adversarial was evaluated again by the plain model, one sample at a time. A ratio below 1 would be an alarm.',
        markup`<div class="card">${attackTable(report)}</div>`,
      ),
    )
  }
  const curves = trainingCurves(report)
  if (curves.length > 0)
    out.push(
      section('Training', `${report.training!.history.length} epochs.`, markup`<div class="columns">${curves}</div>`),
    )
  return out
}

function provenance(report: Report): Markup {
  const { model, runtime, coverage } = report
  const refused = coverage.refused.map(({ name, op, reason }) => markup`<li><b>${name}</b> (${op}): ${reason}</li>`)
  return markup`<div class="card small">${modelParagraph(model)}
<p>${ranOn(report)}${runtime.reason && ` (${runtime.reason})`}. What the proof takes on trust:</p><ul>${runtime.assumptions.map((text) => markup`<li>${text}</li>`)}</ul>
<p>${coverage.handled} of ${coverage.nodes} nodes have a proved rule${refused.length > 0 ? ', and these have not:' : '.'}</p>${refused.length > 0 && markup`<ul>${refused}</ul>`}
${originParagraph(report)}</div>`
}

/** The whole page. */
export function renderHtml(report: Report): string {
  const certified = certificateSentence(report)
  const isPass = report.verdict === 'pass'
  return htmlPage({
    word: verdictWords(report),
    tone: report.verdict,
    name: fileName(report.model.path),
    lead: [boundSentence(report), ...(certified ? [certified] : [])],
    body: [
      tiles(report),
      !isPass &&
        section('Findings', 'What was asked of this model.', markup`<div class="card">${gateTable(report)}</div>`),
      ...dataSections(report),
      section(
        'Bound per layer',
        'Both sides are proved: the norm is attained at the lower value and cannot exceed the upper. The tick marks the limit of the layer (what the exporter claims, or the policy asks), or 1.',
        markup`<div class="card">${layerTable(report)}</div><div class="card">${boundTable(report)}</div>${report.trace.length > 0 && markup`<details><summary>How the bounds compose (${report.trace.length} steps)</summary><div class="card">${traceTable(report)}</div></details>`}`,
      ),
      isPass &&
        section(
          'Findings',
          report.gates.some(({ status }) => status === 'waived')
            ? 'What was asked of this model: met, or waived.'
            : 'What was asked of this model, and met.',
          markup`<div class="card">${gateTable(report)}</div>`,
        ),
      section('Where this comes from', 'The file, the machine, and what is assumed.', provenance(report)),
    ],
  })
}
