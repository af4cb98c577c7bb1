/**
 * The formats of a report, by the ending of the file.
 * @module
 */
import { extname } from 'node:path'
import { LipError } from '../errors.ts'
import { writeAtomically } from '../write-atomically.ts'
import { type AttackRunReport, isAttackRun } from './attack-run.ts'
import type { Report } from './report.ts'

type Renderer<R> = () => Promise<(report: R) => string>

/** Ending -> renderer, loaded when asked for; one line a format. */
const FORMATS: Readonly<Record<string, Renderer<Report>>> = {
  '.json': async () => (await import('./json.ts')).renderJson,
  '.html': async () => (await import('./html.ts')).renderHtml,
  '.xml': async () => (await import('./junit.ts')).renderJunit,
  '.sarif': async () => (await import('./sarif.ts')).renderSarif,
  '.md': async () => (await import('./markdown.ts')).renderMarkdown,
}

/** JUnit and SARIF list what was demanded and not met, and attacks alone demand nothing. */
const ATTACK_FORMATS: Readonly<Record<string, Renderer<AttackRunReport>>> = {
  '.json': async () => (await import('./json.ts')).renderJson,
  '.html': async () => (await import('./attack-html.ts')).renderAttackHtml,
  '.md': async () => (await import('./attack-markdown.ts')).renderAttackMarkdown,
}

/**
 * Checks the ending before any work is done.
 * @throws LipError USAGE for an ending without a format
 */
export function checkReportPath(path: string, kind: 'verify' | 'attack' = 'verify'): void {
  const formats = kind === 'verify' ? FORMATS : ATTACK_FORMATS
  const ending = extname(path)
  if (Object.hasOwn(formats, ending)) return
  const what = kind === 'verify' ? 'report' : 'report of attacks'
  throw new LipError('USAGE', `The ${what} '${path}' needs one of the endings ${Object.keys(formats).join(' ')}.`, {
    ...(Object.hasOwn(FORMATS, ending) && { hint: `\`lip-onnx verify\` writes ${ending}: it has demands to meet.` }),
  })
}

/**
 * Renders a report in the format that the ending names and writes it: temporary file, then rename.
 * @throws LipError USAGE, FILE_NOT_WRITABLE
 */
export async function writeReport(report: Report | AttackRunReport, path: string): Promise<void> {
  const text = await render(report, path)
  await writeAtomically(path, text, {
    what: `The report '${path}'`,
    hint: 'Name a folder that exists and may be written.',
    makeFolder: true,
  })
}

async function render(report: Report | AttackRunReport, path: string): Promise<string> {
  if (isAttackRun(report)) {
    checkReportPath(path, 'attack')
    return (await ATTACK_FORMATS[extname(path)]!())(report)
  }
  checkReportPath(path)
  return (await FORMATS[extname(path)]!())(report)
}
