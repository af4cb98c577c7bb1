import { showBound, showBracket, showLimit, showRadius, showShare } from '../format-number.ts'
import type { LayerReport, Report } from '../report.ts'
import { accuracyByRadius, ledgerWords } from '../summary.ts'
import { type Markup, markup } from './markup.ts'

/** A bar from 0 to the bound, the gap between both sides marked, and a tick at the limit (at 1 where there is none). */
function meter(layer: Pick<LayerReport, 'lower' | 'upper'>, limit: number | undefined, scale: number): Markup {
  const { lower } = layer
  const upper = layer.upper ?? scale
  const width = (value: number) => `${Math.min(100, (100 * value) / scale).toFixed(2)}%`
  const over = limit !== undefined && lower > limit ? 'over' : ''
  return markup`<div class="meter"><i class="gap" style="width:${width(upper)}"></i><i class="${over}" style="width:${width(lower)}"></i><u style="left:${width(limit ?? 1)}" title="${showLimit(limit ?? 1)}"></u></div>`
}

/** What a layer is held against: its claim, or the policy's limit. */
function limitOf(layer: LayerReport, gates: Report['gates']): number | undefined {
  const limit = gates.find((gate) => gate.id === `layer:${layer.name}`)?.limit
  return layer.claim ?? (typeof limit === 'number' ? limit : undefined)
}

/** Bound per layer, as numbers and bars. */
export function layerTable({ layers, gates }: Report): Markup {
  if (layers.length === 0) return markup`<p class="soft">No linear layer could be bounded.</p>`
  const scale =
    1.08 * Math.max(1, ...layers.map((layer) => layer.claim ?? 0), ...layers.map((layer) => layer.upper ?? layer.lower))
  const claims = layers.some((layer) => layer.claim !== undefined)
  const rows = layers.map(
    (layer) =>
      markup`<tr><td class="name">${layer.name}</td><td>${layer.op}</td><td class="number">${showBound(layer.lower, 'lower')}</td><td class="number">${showBound(layer.upper, 'upper')}</td>${claims && markup`<td class="number">${layer.claim === undefined ? '' : showLimit(layer.claim)}</td>`}<td class="bar">${meter(layer, limitOf(layer, gates), scale)}</td><td class="soft">${layer.method}</td></tr>`,
  )
  return markup`<div class="scroll"><table><tr><th>layer</th><th>op</th><th class="number">norm at least</th><th class="number">at most</th>${claims && markup`<th class="number">claimed</th>`}<th></th><th>proved by</th></tr>${rows}</table></div>`
}

/** The four Lipschitz constants of the network. */
export function boundTable({ lipschitz }: Report): Markup {
  const rows = (
    [
      ['every output', 'logit'],
      ['difference of two outputs', 'pair'],
      ['all outputs together', 'joint'],
      ['feature map (input of the last linear layer)', 'features'],
    ] as const
  ).map(([name, of]) => markup`<tr><td>${name}</td><td class="number">${showBracket(lipschitz[of])}</td></tr>`)
  return markup`<table><tr><th>L2 Lipschitz constant of</th><th class="number">[at least, at most]</th></tr>${rows}</table>`
}

export function gateTable({ gates }: Report): Markup {
  const order = ['alarm', 'fail', 'inconclusive', 'waived', 'noted', 'pass']
  const sorted = [...gates].sort((a, b) => order.indexOf(a.status) - order.indexOf(b.status))
  const rows = sorted.map(
    (gate) => markup`<tr><td><span class="tag ${gate.status}">${gate.status}</span></td><td>${gate.message}</td></tr>`,
  )
  return markup`<table>${rows}</table>`
}

/** One row an attack; what is about certificates only where there are some. */
export function attackTable({ attacks }: Pick<Report, 'attacks'>): Markup {
  const certified = attacks.some((attack) => attack.minRatio !== null)
  const rows = attacks.map(({ name, provider, samples, meanDistance, minRatio, gradients }) => {
    const count = (status: string) => samples.filter((sample) => sample.status === status).length
    const found = samples.filter((sample) => sample.distance !== null && sample.status !== 'misclassified').length
    return markup`<tr><td>${name} <span class="soft">on ${provider}</span></td><td class="number">${samples.length}</td><td class="number">${count('misclassified')}</td><td class="number">${found}</td>${certified && markup`<td class="number">${count('tight')}</td>`}<td class="number">${meanDistance === null ? '-' : meanDistance.toFixed(4)}</td>${certified && markup`<td class="number">${minRatio === null ? '-' : showBound(minRatio, 'lower')}</td>`}<td class="number">${gradients === undefined ? '-' : Math.round(gradients)}</td></tr>`
  })
  return markup`<div class="scroll"><table><tr><th>attack</th><th class="number">samples</th><th class="number">wrong before</th><th class="number">adversarial found</th>${certified && markup`<th class="number">tight</th>`}<th class="number">mean distance</th>${certified && markup`<th class="number">smallest distance / certificate</th>`}<th class="number">gradients a sample</th></tr>${rows}</table></div>`
}

export function accuracyTable({ certificates }: Report): Markup {
  if (!certificates) return markup``
  const rows = accuracyByRadius(certificates).map(
    ([radius, share]) => markup`<tr><td>L2 radius ${radius}</td><td class="number">${showShare(share)}</td></tr>`,
  )
  return markup`<table><tr><th>certified at</th><th class="number">accuracy</th></tr>${rows}</table>`
}

/** Mean radius after each step of the argument. */
export function ledgerTable(report: Report): Markup {
  const { ledger } = report
  const most = Math.max(...ledger.map((step) => step.meanRadius), 1e-9)
  const rows = ledger.map(
    ({ step, meanRadius }) =>
      markup`<tr><td>${ledgerWords(step, report)}</td><td class="number">${showRadius(meanRadius)}</td><td class="bar"><div class="meter"><i style="width:${((100 * meanRadius) / most).toFixed(1)}%"></i></div></td></tr>`,
  )
  return markup`<table><tr><th>step</th><th class="number">mean radius</th><th></th></tr>${rows}</table>`
}

export function traceTable({ trace }: Report): Markup {
  const rows = trace.map(
    (step) =>
      markup`<tr><td class="name">${step.name}</td><td>${step.rule}</td><td class="number">${showBound(step.constant, 'upper')}</td><td class="number">${step.naive === undefined ? '' : showBound(step.naive, 'upper')}</td><td class="soft">${step.because ?? ''}</td></tr>`,
  )
  return markup`<div class="scroll"><table><tr><th>step</th><th>rule</th><th class="number">constant</th><th class="number">naive</th><th>because</th></tr>${rows}</table></div>`
}
