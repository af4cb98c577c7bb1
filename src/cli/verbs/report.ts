import { EXIT, type ExitCode } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

export const report = defineVerb({
  command: 'report <file>',
  summary: 'Render a report.json of verify or attack again in any format',
  examples: [
    ['report report.json', 'Show it in the terminal; the exit code is that of the run'],
    ['report report.json --report page.html --report junit.xml', 'Write other formats'],
  ],
  positionals: { file: { type: 'string', demandOption: true, describe: 'JSON report' } },
  options: {
    report: { type: 'string', array: true, describe: 'File to write; .json .html .xml .sarif .md (repeatable)' },
  },
  async run(args, io): Promise<ExitCode> {
    const { renderAttacks } = await import('../../report/attack-text.ts')
    const { isAttackRun } = await import('../../report/attack-run.ts')
    const { readAnyReport } = await import('../../report/read-report.ts')
    const { renderTerminal } = await import('../../report/terminal.ts')
    const { checkReportPath, writeReport } = await import('../../report/write-report.ts')
    const found = await readAnyReport(args.file)
    const isAttack = isAttackRun(found)
    for (const path of args.report ?? []) checkReportPath(path, isAttack ? 'attack' : 'verify')
    for (const path of args.report ?? []) {
      await writeReport(found, path)
      io.note(`Wrote ${path}`)
    }
    if (args.report && !io.json) return EXIT.pass
    io.result(found, () => (isAttack ? renderAttacks(found, io.colors) : renderTerminal(found, io.colors)))
    if (args.report) return EXIT.pass
    if (isAttack) return found.complete ? EXIT.pass : EXIT.timeBudget
    return found.exitCode
  },
})
