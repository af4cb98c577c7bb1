import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VERBS } from '../../src/cli/verbs/index.ts'
import { runBin } from './run-bin.ts'
import { runMain } from './run-main.ts'

describe('the frame', () => {
  it('lists every verb and the exit codes', async () => {
    const { code, stdout, stderr } = await runBin(['--help'])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    for (const verb of VERBS) expect(stdout).toContain(`lip-onnx ${verb.command.split(' ')[0]}`)
    expect(stdout).toContain('5')
  })

  it.each(VERBS.map((verb) => [verb.command.split(' ')[0]!, verb] as const))(
    'shows examples for %s',
    async (name, verb) => {
      const { code, stdout } = await runMain([name, '--help'])
      expect(code).toBe(0)
      expect(verb.examples.length).toBeGreaterThanOrEqual(2)
      expect(stdout).toContain('Examples:')
      expect(stdout).toContain('--json')
      expect(stdout).toContain('--quiet')
    },
  )

  it('prints its version', async () => {
    expect((await runMain(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it.each(VERBS.map((verb) => [verb.command.split(' ')[0]!, verb] as const))(
    'fits %s into 80 columns, its own options before those of every verb, examples that can be copied',
    async (name, verb) => {
      const { stdout } = await runMain([name, '--help'], {}, 80)
      const own = stdout.slice(0, stdout.indexOf('Examples:')).split('\n')
      expect(Math.max(...own.map((line) => line.length))).toBeLessThanOrEqual(80)
      // Nothing runs into the column of the types.
      expect(own.filter((line) => /[^\s]\[(boolean|string|number|array|choices)/.test(line))).toEqual([])
      if (Object.keys(verb.options).length > 0) {
        expect(own.indexOf('Options:')).toBeGreaterThan(0)
        expect(own.indexOf('Options:')).toBeLessThan(own.indexOf('Every verb:'))
      }
      for (const [command] of verb.examples) expect(stdout).toContain(`\n  lip-onnx ${command}\n`)
    },
  )

  it('takes the options of every verb before the verb too', async () => {
    const { code, stdout } = await runMain(['--json', '--quiet', 'inspect', 'nowhere.onnx'])
    expect(code).toBe(4)
    expect(JSON.parse(stdout).error.message).toContain("'nowhere.onnx' does not exist")
  })

  it.each([
    ['a verb that is none', ['dta'], "There is no verb 'dta'.", 'Did you mean `data`?'],
    ['no verb', [], 'No verb was given.', '--help'],
    ['an unknown option', ['data', '--froce'], "`lip-onnx data` has no option '--froce'.", 'Did you mean --force?'],
    ['an option far from any', ['data', '--qwertyuiop=3'], "has no option '--qwertyuiop'.", 'lip-onnx data --help'],
    ['one argument too many', ['data', 'mnist', 'twice'], "takes no argument 'twice'.", '--help'],
    ['an unknown dataset', ['data', 'imagenet'], "There is no dataset 'imagenet'.", 'fashion-mnist'],
    [
      'an option given twice',
      ['data', 'mnist', '--data-dir', 'a', '--data-dir', 'b'],
      '--data-dir was given more than once.',
      '',
    ],
  ])('ends with 4 and one sentence on %s', async (_, args, sentence, hint) => {
    const { code, stdout, stderr } = await runMain(args)
    expect(code).toBe(4)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toContain(sentence)
    expect(stderr).toContain(hint)
    expect(stderr).not.toContain('    at ')
  })

  it('gives errors as JSON with --json, beside the sentence', async () => {
    const { code, stdout, stderr } = await runMain(['data', 'imagenet', '--json'])
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'USAGE', exitCode: 4 } })
    expect(stderr).toContain('imagenet')
  })

  it('reports in one sentence that a dataset cannot be downloaded', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'lip-onnx-cache-'))
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-data-'))
    const { code, stderr } = await runMain(['data', 'mnist', '--data-dir', folder, '--quiet'], {
      LIP_ONNX_CACHE: cache,
    })
    expect(code).toBe(4)
    expect(stderr.split('\n')[0]).toMatch(/does not hold mnist/)
  })
})

describe('doctor', () => {
  it('finds Node and the CPU provider, and says what mends the rest', async () => {
    const { code, stdout } = await runMain(['doctor', '--json'])
    expect(code).toBe(0)
    const findings = JSON.parse(stdout) as { subject: string; state: string; remedy?: string }[]
    const states = new Map(findings.map((finding) => [finding.subject, finding]))
    expect(states.get('Node.js')?.state).toBe('ok')
    expect(states.get('onnxruntime cpu')?.state).toBe('ok')
    for (const finding of findings) if (finding.state === 'broken') expect(finding.remedy).toBeTruthy()
  })
})

describe('data', () => {
  it('checks the built-in set', async () => {
    const { code, stdout } = await runMain(['data', 'shapes', '--quiet'])
    expect(code).toBe(0)
    expect(stdout).toContain('Built-in shapes test: 2000 images')
  })
})
