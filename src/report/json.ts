import type { AttackRunReport } from './attack-run.ts'
import type { Report } from './report.ts'

/** The contract itself (schemas/report.schema.json, schemas/attack-report.schema.json); samples a line each, so that the file can be read and compared. */
export function renderJson(report: Report | AttackRunReport): string {
  return `${JSON.stringify(report, null, 1)}\n`
}
