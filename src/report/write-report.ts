/**
 * The formats of a report, by the ending of the file.
 * @module
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { LipError } from '../errors.ts'
import type { Report } from './report.ts'

/** Ending -> renderer, loaded when asked for; one line a format. */
const FORMATS: Readonly<Record<string, () => Promise<(report: Report) => string>>> = {
  '.json': async () => (await import('./json.ts')).renderJson,
  '.html': async () => (await import('./html.ts')).renderHtml,
  '.xml': async () => (await import('./junit.ts')).renderJunit,
  '.sarif': async () => (await import('./sarif.ts')).renderSarif,
  '.md': async () => (await import('./markdown.ts')).renderMarkdown,
}

/**
 * Checks the ending before any work is done.
 * @throws LipError USAGE for an ending without a format
 */
export function checkReportPath(path: string): void {
  if (extname(path) in FORMATS) return
  throw new LipError('USAGE', `The report '${path}' needs one of the endings ${Object.keys(FORMATS).join(' ')}.`)
}

/**
 * Renders a report in the format that the ending names and writes it: temporary file, then rename.
 * @throws LipError USAGE, FILE_NOT_WRITABLE
 */
export async function writeReport(report: Report, path: string): Promise<void> {
  checkReportPath(path)
  const render = await FORMATS[extname(path)]!()
  const text = render(report)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    const code = (cause as NodeJS.ErrnoException).code
    throw new LipError('FILE_NOT_WRITABLE', `The report '${path}' cannot be written (${code}).`, {
      hint: 'Name a folder that exists and may be written.',
      cause,
    })
  }
}
