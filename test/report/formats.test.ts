import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { renderExplanation } from '../../src/report/explanation.ts'
import { showBound } from '../../src/report/format-number.ts'
import { markup } from '../../src/report/html/markup.ts'
import { differenceMap } from '../../src/report/html/pictures.ts'
import { renderHtml } from '../../src/report/html.ts'
import { renderJson } from '../../src/report/json.ts'
import { renderJunit } from '../../src/report/junit.ts'
import { renderMarkdown } from '../../src/report/markdown.ts'
import { readReport } from '../../src/report/read-report.ts'
import type { GateReport, Report } from '../../src/report/report.ts'
import { renderSarif } from '../../src/report/sarif.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { wrap } from '../../src/report/wrap.ts'
import { writeReport } from '../../src/report/write-report.ts'
import { sampleReport } from './sample-report.ts'

const schema = JSON.parse(readFileSync('schemas/report.schema.json', 'utf8'))
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema)
const report = await sampleReport()

const violated: Report = {
  ...report,
  verdict: 'violated',
  exitCode: 1,
  lipschitz: { ...report.lipschitz, logit: { lower: 1.02, upper: 1.03 } },
  gates: [
    { id: 'lipschitz', status: 'fail', limit: 1, value: 1.02, message: 'at least 1.02 <script>alert(1)</script>' },
    { id: 'claim:conv1', status: 'fail', limit: 1, value: 1.02, message: "claims 1, but \u0007 'norm' & more" },
    { id: 'operators', status: 'inconclusive', limit: 0, value: 1, message: 'no rule' },
    { id: 'attack:auto', status: 'alarm', limit: 1, value: 0.9, message: 'inside' },
    { id: 'mean-radius', status: 'waived', limit: 1, value: 0.9, message: 'waived' },
    { id: 'conformance', status: 'pass', limit: 1, value: 0.1, message: 'fine' },
  ],
}

describe('the JSON form', () => {
  it('validates, and a report that lacks or adds anything does not', () => {
    expect(validate(JSON.parse(renderJson(report)))).toBe(true)
    expect(validate(JSON.parse(renderJson(violated)))).toBe(true)
    const { verdict: _, ...lacking } = report
    expect(validate(lacking)).toBe(false)
    expect(validate({ ...report, extra: 1 })).toBe(false)
    expect(validate({ ...report, exitCode: 4 })).toBe(false)
    expect(validate({ ...report, lipschitz: { ...report.lipschitz, logit: { lower: 0 } } })).toBe(false)
  })

  it('is the same bytes for the same report', async () => {
    expect(renderJson(await sampleReport())).toBe(renderJson(await sampleReport()))
  })
})

describe('showBound', () => {
  it('never promises more than the number', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
        fc.integer({ min: 2, max: 9 }),
        (value, digits) => {
          expect(Number(showBound(value, 'upper', digits))).toBeGreaterThanOrEqual(value)
          expect(Number(showBound(value, 'lower', digits))).toBeLessThanOrEqual(value)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('shows 1.0000001 as above 1 and 0.9999999 as below', () => {
    expect(showBound(1.0000001, 'upper')).toBe('1.00001')
    expect(showBound(0.9999999, 'lower')).toBe('0.999999')
    expect(showBound(1, 'upper')).toBe('1')
    expect(showBound(null, 'upper')).toBe('unbounded')
  })
})

describe('the page', () => {
  it('escapes what a model may be called', () => {
    const name = `<img src=x onerror=alert(1)>"'&`
    const page = renderHtml({
      ...violated,
      model: { ...report.model, path: name, producer: name },
      layers: [{ ...report.layers[0]!, name }],
    })
    expect(page).not.toContain('<img src=x')
    expect(page).not.toContain('<script')
    expect(markup`<b title="${name}">${name}</b>`.html).not.toMatch(/<img|"'/)
  })

  it('shows darker as red and lighter as green, scaled by the largest change', () => {
    const map = differenceMap({
      ...report.pictures![0]!,
      dims: [1, 3, 1],
      original: [0.5, 0.5, 0.5],
      adversarial: [0.25, 0.625, 0.5],
    })
    expect([...map]).toEqual([255, 0, 0, 0, 128, 0, 0, 0, 0])
  })

  it('does without data, layers and attacks', () => {
    const { certificates, pictures, training, dataset, conformance, command, ...bare } = report
    const page = renderHtml({
      ...bare,
      layers: [],
      attacks: [],
      trace: [],
      ledger: [],
      gates: [],
      verdict: 'inconclusive',
      exitCode: 2,
    })
    expect(page).toContain('Inconclusive')
    expect(page).not.toContain('undefined')
    expect(page).not.toContain('NaN')
  })
})

describe('the terminal', () => {
  const plain = pc.createColors(false)
  it('says the verdict last, in words that match the numbers', () => {
    const text = renderTerminal(report, plain)
    expect(text.split('\n').at(-1)).toBe('PASS  Proved: every output is 0.999988-Lipschitz (L2), within the limit 1.')
    expect(text).toContain('conv1')
    expect(text.includes('\u001b')).toBe(false)
    expect(renderTerminal(violated, plain).split('\n').at(-1)).toMatch(
      /^VIOLATED {2}Disproved: .* at least 1.02, above the limit 1\.$/,
    )
    expect(renderTerminal(report, pc.createColors(true))).toContain('\u001b[')
  })

  it('says of a pass that a waiver made one, in every form for people', () => {
    const gate = (id: string): GateReport => ({ id, status: 'waived', limit: 1, value: 2, message: 'known' })
    const one = { ...report, gates: [...report.gates, gate('layer:a')] }
    expect(renderTerminal(one, plain).split('\n').at(-1)).toMatch(/^PASS, 1 FINDING WAIVED {2}/)
    expect(renderMarkdown({ ...one, gates: [...one.gates, gate('layer:b')] })).toMatch(/^# Pass, 2 findings waived: /)
    expect(renderHtml(one)).toContain('Pass, 1 finding waived')
    expect(renderHtml(one)).not.toContain('and met.')
    expect(renderHtml(report)).not.toContain('finding waived')
    expect(renderHtml(report)).toContain('and met.')
  })

  it('explains a node with the naive constant beside the proved one', () => {
    const step = { ...report.trace[1]!, because: 'sorting; the network up to here: 1.0000001634352698' }
    const text = renderExplanation({ node: 'max', step, own: { name: 'max', rule: 'constant', constant: 1 } })
    expect(text).toMatch(/^max is bounded together with its neighbours, up to /)
    expect(text).toMatch(/constant +1, by the rule/)
    expect(text).toMatch(/one by one +1\.41422 for the same nodes/)
    // Rounded up, as an upper side is.
    expect(text).toMatch(/so far +1\.00001 for the network up to here/)
    expect(text).toMatch(/because +sorting\n/)
    expect(text).toContain('max alone')
    expect(renderExplanation({ node: 'conv1' })).toBe(
      'conv1: nothing is proved of this model, because other nodes have no rule',
    )
    const refused = { name: 'odd', op: 'Mystery', reason: 'is not known' }
    expect(renderExplanation({ node: 'odd', refused })).toBe('odd (Mystery): refused, is not known')
  })

  it('breaks reasons at 80 columns and no name anywhere', () => {
    const because = 'a reason that goes on and on '.repeat(12)
    const nodes = [`node_${'x'.repeat(100)}`, 'b']
    const text = renderExplanation({ node: 'n', step: { ...report.trace[1]!, because, nodes } })
    for (const line of text.split('\n'))
      if (!line.includes('xxx')) expect([line, line.length <= 80]).toEqual([line, true])
    expect(text).toContain(nodes[0])
    expect(text.replaceAll(/\s+/g, ' ')).toContain(because.trim())
    expect(wrap('- ', 'a b', 3)).toBe('- a\n  b')
    expect(wrap('- ', 'a b', 5)).toBe('- a b')
    expect(wrap('', '', 5)).toBe('')
  })
})

describe('JUnit', () => {
  it('has a case a gate, red where it must be, and is well-formed XML', () => {
    const xml = renderJunit(violated)
    expect(xml).toContain('tests="6"')
    expect(xml).toContain('failures="2"')
    expect(xml).toContain('errors="2"')
    expect(xml).toContain('skipped="1"')
    expect(xml).not.toContain('\u0007')
    expect(xml).not.toContain('<script>')
  })

  const gate = (status: GateReport['status']): GateReport => ({ ...violated.gates[0]!, status, message: 'because' })
  it('shows what was not met as skipped, with the reason', () => {
    for (const status of ['waived', 'noted'] as const) {
      const xml = renderJunit({ ...report, gates: [gate(status)] })
      expect(xml).toContain('skipped="1"')
      expect(xml).toContain('because')
    }
  })

  it('is never green where the verdict is not', () => {
    const red = (verdict: Report['verdict'], gates: readonly GateReport[]) =>
      /(errors|failures)="[1-9]/.test(renderJunit({ ...report, verdict, gates }))
    expect(red('inconclusive', [])).toBe(true)
    expect(red('violated', [gate('pass')])).toBe(true)
    expect(red('timeout', [gate('pass')])).toBe(true)
    expect(red('pass', [gate('pass'), gate('waived'), gate('noted')])).toBe(false)
    expect(renderJunit(violated)).toContain(`tests="${violated.gates.length}"`)
  })
})

describe('SARIF', () => {
  it('has a located, fingerprinted result for each gate that does not pass', () => {
    const log = JSON.parse(renderSarif(violated))
    expect(log.version).toBe('2.1.0')
    const [run] = log.runs
    const ids = new Set(run.tool.driver.rules.map((rule: { id: string }) => rule.id))
    expect(run.results.map((result: { ruleId: string; level: string }) => [result.ruleId, result.level])).toEqual([
      ['LIP001', 'error'],
      ['LIP011', 'error'],
      ['LIP003', 'warning'],
      ['LIP007', 'error'],
      ['LIP005', 'note'],
    ])
    for (const result of run.results) {
      expect(ids.has(result.ruleId)).toBe(true)
      expect(result.locations[0].physicalLocation.artifactLocation.uri).toBe('runs/shapes/model.onnx')
      expect(result.locations[0].physicalLocation.region.startLine).toBe(1)
      expect(result.partialFingerprints['lipOnnx/v1']).toMatch(/^[0-9a-f]{64}$/)
    }
    expect(run.results[1].locations[0].logicalLocations[0].fullyQualifiedName).toBe('conv1')
    expect(renderSarif(violated)).toBe(renderSarif(violated))
  })

  it('names a finding by what it is, waived or not', () => {
    const ruleOf = (of: Report, change: Partial<GateReport>) =>
      JSON.parse(renderSarif({ ...of, gates: [{ ...violated.gates[0]!, ...change }] })).runs[0].results[0].ruleId
    const open: Report = { ...violated, lipschitz: { ...report.lipschitz, logit: { lower: 0.9, upper: 1.03 } } }
    expect(ruleOf(violated, { status: 'waived' })).toBe('LIP001')
    expect(ruleOf(open, { status: 'waived' })).toBe('LIP002')
    expect(ruleOf(open, { status: 'inconclusive' })).toBe('LIP002')
    expect(ruleOf(open, { id: 'outputs', status: 'inconclusive' })).toBe('LIP002')
    expect(ruleOf(open, { id: 'attack', status: 'inconclusive' })).toBe('LIP013')
    expect(ruleOf(open, { id: 'profile', status: 'inconclusive' })).toBe('LIP013')
    expect(ruleOf(open, { id: 'profile', status: 'fail' })).toBe('LIP008')
  })
})

describe('Markdown', () => {
  it('is tables that no name can break', () => {
    const text = renderMarkdown({ ...violated, layers: [{ ...report.layers[0]!, name: 'a|b\n<i>' }] })
    expect(text).toContain('# Violated: runs/shapes/model.onnx')
    expect(text).toContain('| a\\|b &lt;i> |')
  })
})

describe('writeReport', () => {
  it('chooses the format by the ending and leaves no temporary file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-report-'))
    for (const ending of ['json', 'html', 'xml', 'sarif', 'md'])
      await writeReport(report, join(folder, 'new', `r.${ending}`))
    expect((await readdir(join(folder, 'new'))).sort()).toEqual(['r.html', 'r.json', 'r.md', 'r.sarif', 'r.xml'])
    expect(await readFile(join(folder, 'new', 'r.html'), 'utf8')).toMatch(/^<!doctype html>/)
  })

  it('refuses an unknown ending and a place that cannot be written', async () => {
    await expect(writeReport(report, 'report.pdf')).rejects.toMatchObject({ code: 'USAGE' })
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-report-'))
    await writeFile(join(folder, 'file'), '')
    await expect(writeReport(report, join(folder, 'file', 'r.json'))).rejects.toMatchObject({
      code: 'FILE_NOT_WRITABLE',
    })
  })
})

describe('readReport', () => {
  const read = async (value: unknown) => {
    const path = join(await mkdtemp(join(tmpdir(), 'lip-onnx-report-')), 'r.json')
    await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value))
    return readReport(path)
  }
  const good = JSON.parse(renderJson(report))

  it('takes what was written', async () => {
    expect(await read(good)).toEqual(good)
    expect((await read(renderJson({ ...violated, verdict: 'alarm', exitCode: 5 }))).verdict).toBe('alarm')
    const late = { ...good, verdict: 'timeout', exitCode: 3 }
    expect((await read(late)).verdict).toBe('timeout')
  })

  it.each<readonly [string, object, RegExp]>([
    [
      'a verdict that its gates do not give',
      { gates: violated.gates.slice(0, 3) },
      /verdict is 'pass', and its gates say 'violated'/,
    ],
    ['a pass without any gate', { gates: [] }, /gates say 'inconclusive'/],
    ['an exit code of another verdict', { exitCode: 2 }, /exit code is 2, and its verdict means 0/],
    [
      'a bound above the limit that it passes',
      { lipschitz: { ...report.lipschitz, logit: { lower: 0.2, upper: 1.5 } } },
      /bound is not within the limit/,
    ],
    [
      'no bound at all',
      { lipschitz: { ...report.lipschitz, logit: { lower: 0.2, upper: null } } },
      /bound is not within the limit/,
    ],
    [
      'a violation that its bound does not show',
      { verdict: 'violated', exitCode: 1, gates: violated.gates.slice(0, 3) },
      /bound is not above the limit/,
    ],
    ['an older schema', { schemaVersion: '0.9' }, /schema version 0\.9, and this lip-onnx reads 1\.0/],
    ['a field too many', { waived: true }, /is not a lip-onnx report/],
  ])('refuses %s', async (_, change, sentence) => {
    await expect(read({ ...good, ...change })).rejects.toThrow(
      expect.objectContaining({ code: 'DATA_INVALID', exitCode: 4, message: expect.stringMatching(sentence) }),
    )
  })

  it('refuses half a file', async () => {
    await expect(read(renderJson(report).slice(0, -20))).rejects.toMatchObject({ exitCode: 4 })
    await expect(read('')).rejects.toMatchObject({ exitCode: 4 })
  })
})
