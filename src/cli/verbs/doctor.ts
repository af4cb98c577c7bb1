import { EXIT } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

export const doctor = defineVerb({
  command: 'doctor',
  summary: 'Node, providers, backends, caches: what is there, what is missing, and what mends it',
  examples: [
    ['doctor', 'Look at this machine'],
    ['doctor --json', 'The same for a program'],
  ],
  positionals: {},
  options: {},
  async run(_args, io) {
    const { examine } = await import('../examine.ts')
    const findings = await examine(io.env)
    io.result(findings, () =>
      findings
        .map(({ state, subject, detail, remedy }) => {
          const mark = { ok: io.colors.green('ok'), absent: io.colors.yellow('--'), broken: io.colors.red('!!') }[state]
          return `${mark}  ${subject.padEnd(24)} ${detail}${remedy ? `\n${' '.repeat(29)}-> ${remedy}` : ''}`
        })
        .join('\n'),
    )
    return findings.some((finding) => finding.state === 'broken') ? EXIT.usage : EXIT.pass
  },
})
