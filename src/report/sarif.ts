/**
 * The report as SARIF 2.1.0, for code scanning: one run, a result for each gate that does not pass.
 * @module
 */
import { createHash } from 'node:crypto'
import sarif from 'node-sarif-builder'
import type { GateReport, Report } from './report.ts'

const { SarifBuilder, SarifResultBuilder, SarifRuleBuilder, SarifRunBuilder } = sarif

const RULES = {
  LIP001: 'A Lipschitz bound is violated',
  LIP002: 'A Lipschitz bound is neither proved nor disproved',
  LIP003: 'An operator has no proved rule',
  LIP005: 'Certified samples are missing or below the limit',
  LIP006: 'A regression against the baseline',
  LIP007: 'An adversarial lies inside a certified radius',
  LIP008: 'The executed network differs from its numeric profile',
  LIP009: 'The norm of a layer is above its limit, or not proved below it',
  LIP010: 'A waiver has run out',
  LIP011: "The exporter's claim is disproved, or not proved",
  LIP012: 'The time budget was used up',
  LIP013: 'A check of the executed network could not be made',
} as const
type RuleId = keyof typeof RULES

function ruleOf(gate: GateReport, { lipschitz }: Report): RuleId {
  const kind = gate.id.split(':')[0]
  switch (kind) {
    case 'lipschitz':
      // By the bound, not by the status: a waived finding is still the finding that it was.
      return lipschitz[lipschitz.of].lower > lipschitz.threshold ? 'LIP001' : 'LIP002'
    case 'outputs':
      return 'LIP002'
    case 'operators':
    case 'rows':
      return 'LIP003'
    case 'layer':
      return 'LIP009'
    case 'claim':
      return 'LIP011'
    case 'attack':
      return gate.status === 'inconclusive' ? 'LIP013' : 'LIP007'
    case 'conformance':
    case 'profile':
      return gate.status === 'inconclusive' ? 'LIP013' : 'LIP008'
    case 'baseline':
      return 'LIP006'
    case 'waiver':
      return 'LIP010'
    default:
      return 'LIP005'
  }
}

/** A relative reference as RFC 3986 wants it, whatever the platform's separator. */
const uriOf = (path: string) =>
  path
    .replaceAll('\\', '/')
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replace(/^(\w)%3A\//, 'file:///$1:/')

/** Findings with stable fingerprints: the same gate on the same model file is the same result in every run. */
export function renderSarif(report: Report): string {
  const run = new SarifRunBuilder().initSimple({
    toolDriverName: report.tool.name,
    toolDriverVersion: report.tool.version,
  })
  for (const [ruleId, shortDescriptionText] of Object.entries(RULES)) {
    run.addRule(new SarifRuleBuilder().initSimple({ ruleId, shortDescriptionText }))
  }
  const fileUri = uriOf(report.model.path)
  const add = (ruleId: RuleId, level: 'error' | 'warning' | 'note', messageText: string, gate: string) => {
    const result = new SarifResultBuilder().initSimple({ ruleId, level, messageText, fileUri, startLine: 1 })
    const key = `${ruleId}|${report.model.path}|${gate}`
    result.result.partialFingerprints = { 'lipOnnx/v1': createHash('sha256').update(key).digest('hex') }
    const node = /^(?:layer|claim):(.*)$/s.exec(gate)?.[1]
    if (node !== undefined && node !== 'network') {
      result.result.locations![0]!.logicalLocations = [{ fullyQualifiedName: node, kind: 'member' }]
    }
    run.addResult(result)
  }
  for (const gate of report.gates) {
    if (gate.status === 'pass') continue
    const level =
      gate.status === 'inconclusive'
        ? 'warning'
        : gate.status === 'waived' || gate.status === 'noted'
          ? 'note'
          : 'error'
    add(ruleOf(gate, report), level, gate.message, gate.id)
  }
  if (report.verdict === 'timeout')
    add('LIP012', 'warning', 'The time budget was used up before everything was proved.', 'time')
  const builder = new SarifBuilder()
  builder.addRun(run)
  return `${builder.buildSarifJsonString({ indent: true })}\n`
}
