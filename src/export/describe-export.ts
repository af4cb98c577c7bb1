import { showBound } from '../report/format-number.ts'
import type { ExportResult } from './export-model.ts'

/** What was done to the layers and what is proved of the file, a line each. */
export function describeExport({ layers, claim, outputScale, refused }: ExportResult, path: string): string[] {
  const wrote = Number.isFinite(claim.upper)
    ? `Wrote ${path}: every logit is proved ${showBound(claim.upper, 'upper')}-Lipschitz.`
    : `Wrote ${path}: nothing is proved about it (${refused.map(({ name, reason }) => `${name} ${reason}`).join('; ')}).`
  return [
    ...layers.map(({ node, before, after, share }) => {
      const what = share.of === 'rows' ? 'largest row' : 'norm'
      const scaled = after < before * (1 - 1e-9) ? `, scaled by ${(after / before).toFixed(6)}` : ''
      return `${node}: ${what} <= ${showBound(before, 'upper')}${scaled}`
    }),
    ...(outputScale === 1 ? [] : [`All logits are scaled by ${outputScale.toPrecision(6)}.`]),
    wrote,
  ]
}
