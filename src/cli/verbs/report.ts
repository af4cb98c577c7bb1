import { EXIT, type ExitCode } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

export const report = defineVerb({
  command: 'report <file>',
  summary: 'Render a report.json again in any format',
  examples: [
    ['report report.json', 'Show it in the terminal; the exit code is that of the run'],
    ['report report.json --report page.html --report junit.xml', 'Write other formats'],
  ],
  positionals: { file: { type: 'string', demandOption: true, describe: 'JSON report' } },
  options: {
    report: { type: 'string', array: true, describe: 'File to write; .json .html .xml .sarif .md (repeatable)' },
  },
  async run(args, io): Promise<ExitCode> {
    const { readReport } = await import('../../report/read-report.ts')
    const { renderTerminal } = await import('../../report/terminal.ts')
    const { checkReportPath, writeReport } = await import('../../report/write-report.ts')
    for (const path of args.report ?? []) checkReportPath(path)
    const found = await readReport(args.file)
    for (const path of args.report ?? []) {
      await writeReport(found, path)
      io.note(`Wrote ${path}`)
    }
    if (args.report && !io.json) return EXIT.pass
    io.result(found, () => renderTerminal(found, io.colors))
    return args.report ? EXIT.pass : found.exitCode
  },
})
