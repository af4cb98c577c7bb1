/**
 * The report as JUnit XML: one suite, one case a gate.
 * @module
 */
import imported from 'junit-report-builder'
import type { GateStatus, Report } from './report.ts'
import { boundSentence } from './summary.ts'

// The types describe the CommonJS module object; Node's import gives the builder itself.
const builders = imported as unknown as typeof imported.default

/** Replaces what XML 1.0 cannot write (control characters, lone surrogates): names in a model may be full of them. */
function clean(text: string): string {
  return Array.from(text, (character) => {
    const code = character.codePointAt(0)!
    const writable =
      code === 0x9 ||
      code === 0xa ||
      code === 0xd ||
      (code >= 0x20 && code < 0xd800) ||
      (code >= 0xe000 && code < 0xfffe) ||
      code >= 0x10000
    return writable ? character : '\ufffd'
  }).join('')
}

const isRed: ReadonlySet<GateStatus> = new Set(['fail', 'inconclusive', 'alarm'])

/**
 * Failed gates are failures, open ones and alarms are errors: both are red everywhere. What is waived or only noted was not
 * met, and is shown as skipped.
 */
export function renderJunit(report: Report): string {
  const builder = builders.newBuilder()
  const suite = builder.testSuite().name(clean(`lip-onnx ${report.model.path}`))
  suite.property('sha256', report.model.sha256)
  suite.property('verdict', report.verdict)
  suite.property('profile', report.runtime.profile)
  for (const gate of report.gates) {
    const test = suite.testCase().className('lip-onnx').name(clean(gate.id))
    const message = clean(gate.message)
    if (gate.status === 'fail') test.failure(message, 'violated')
    else if (gate.status === 'inconclusive' || gate.status === 'alarm') test.error(message, gate.status)
    else if (gate.status !== 'pass') test.skipped().standardOutput(message)
  }
  if (report.verdict === 'timeout')
    suite.testCase().className('lip-onnx').name('time-budget').error('The time budget was used up.', 'timeout')
  // A suite that is green, or empty, must not stand for a verdict that is not.
  if (
    report.verdict !== 'pass' &&
    !report.gates.some(({ status }) => isRed.has(status)) &&
    report.verdict !== 'timeout'
  )
    suite.testCase().className('lip-onnx').name('verdict').error(boundSentence(report), report.verdict)
  return builder.build()
}
