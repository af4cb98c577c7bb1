/**
 * The report as one self-contained page: no script, no network, light and dark.
 * @module
 */

import { showBound, showLimit, showRadius, showShare } from './format-number.ts'
import { certifiedCurve, trainingCurves } from './html/curves.ts'
import { type Markup, markup } from './html/markup.ts'
import { pictureGrid } from './html/pictures.ts'
import { STYLE } from './html/style.ts'
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
import { boundSentence, certificateSentence, VERDICT_WORDS } from './summary.ts'

const fileName = (path: string) => path.split(/[\\/]/).at(-1)!

function tile(value: string, text: string): Markup {
  return markup`<div class="tile"><b>${value}</b><span>${text}</span></div>`
}

function tiles(report: Report): Markup {
  const { lipschitz, certificates, attacks } = report
  const ratios = attacks.flatMap((attack) => attack.minRatio ?? [])
  return markup`<div class="tiles">${[
    tile(
      showBound(lipschitz[lipschitz.of].upper, 'upper'),
      `proved L2 Lipschitz bound (${lipschitz.of}); limit ${showLimit(lipschitz.threshold)}`,
    ),
    ...(certificates
      ? [
          tile(
            showShare(certificates.count === 0 ? 0 : certificates.correct / certificates.count),
            `accuracy on ${certificates.count} samples`,
          ),
          tile(showRadius(certificates.mean), 'mean certified L2 radius of correct samples'),
        ]
      : []),
    ...(ratios.length > 0
      ? [tile(`${showBound(Math.min(...ratios), 'lower', 4)}x`, 'nearest attack, in certified radii')]
      : []),
  ]}</div>`
}

function section(title: string, about: string, body: Markup): Markup {
  return markup`<section><h2>${title}</h2><p class="soft">${about}</p>${body}</section>`
}

function dataSections(report: Report): readonly Markup[] {
  const { certificates, attacks, pictures, dataset } = report
  const out: Markup[] = []
  if (pictures && pictures.length > 0) {
    out.push(
      section(
        'Original, adversarial, difference',
        'One image of each class. In the difference map red is darker and green is lighter, scaled by the largest change. No attack may come nearer than the certificate.',
        pictureGrid(report),
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
  const { model, runtime, coverage, tool } = report
  const refused = coverage.refused.map(({ name, op, reason }) => markup`<li><b>${name}</b> (${op}): ${reason}</li>`)
  const shape = (value: { name: string; dims: readonly (number | string)[] } | undefined) =>
    value && `${value.name} [${value.dims.join(', ')}]`
  return markup`<div class="card small"><p><b>${fileName(model.path)}</b>, written by ${model.producer}; opset ${model.opset}, IR ${model.irVersion}, ${model.parameters.toLocaleString('en')} parameters; ${shape(model.input)} to ${shape(model.output)}.<br>sha256 <code>${model.sha256}</code></p>
<p>Ran on <b>${runtime.provider}</b>${runtime.reason && ` (${runtime.reason})`}, numeric profile <b>${runtime.profile}</b>. What the proof takes on trust:</p><ul>${runtime.assumptions.map((text) => markup`<li>${text}</li>`)}</ul>
<p>${coverage.handled} of ${coverage.nodes} nodes have a proved rule${refused.length > 0 ? ', and these have not:' : '.'}</p>${refused.length > 0 && markup`<ul>${refused}</ul>`}
${report.command && markup`<p>The same report again:</p><pre>${report.command}</pre>`}<p class="soft">${tool.name} ${tool.version}, report schema ${report.schemaVersion}.</p></div>`
}

/** The whole page. */
export function renderHtml(report: Report): string {
  const word = VERDICT_WORDS[report.verdict]
  const certified = certificateSentence(report)
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${word}: ${fileName(report.model.path)}</title><style>${{ html: STYLE }}</style></head><body><main>
<header class="banner ${report.verdict}"><span class="word">${word}</span><h1>${fileName(report.model.path)}</h1><p class="lead">${boundSentence(report)}</p>${certified && markup`<p class="lead">${certified}</p>`}</header>
${tiles(report)}
${report.verdict !== 'pass' && section('Findings', 'What was asked of this model.', markup`<div class="card">${gateTable(report)}</div>`)}
${dataSections(report)}
${section('Bound per layer', 'Both sides are proved: the norm is attained at the lower value and cannot exceed the upper. The tick marks the limit of the layer (what the exporter claims, or the policy asks), or 1.', markup`<div class="card">${layerTable(report)}</div><div class="card">${boundTable(report)}</div>${report.trace.length > 0 && markup`<details><summary>How the bounds compose (${report.trace.length} steps)</summary><div class="card">${traceTable(report)}</div></details>`}`)}
${report.verdict === 'pass' && section('Findings', 'What was asked of this model, and met.', markup`<div class="card">${gateTable(report)}</div>`)}
${section('Where this comes from', 'The file, the machine, and what is assumed.', provenance(report))}
</main></body></html>
`
  return page.html
}
