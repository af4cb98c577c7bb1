/**
 * The report and its formats.
 * @module
 */
export { renderAttackHtml } from './attack-html.ts'
export { renderAttackMarkdown } from './attack-markdown.ts'
export { type AttackRunReport, isAttackRun } from './attack-run.ts'
export { renderExplanation } from './explanation.ts'
export { renderHtml } from './html.ts'
export { renderJson } from './json.ts'
export { renderJunit } from './junit.ts'
export { renderMarkdown } from './markdown.ts'
export { readAnyReport, readReport } from './read-report.ts'
export * from './report.ts'
export { renderSarif } from './sarif.ts'
export { renderTerminal } from './terminal.ts'
export { writeReport } from './write-report.ts'
