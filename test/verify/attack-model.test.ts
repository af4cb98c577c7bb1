import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import pc from 'picocolors'
import { beforeAll, describe, expect, it } from 'vitest'
import { writeModel } from '../../src/onnx/write.ts'
import { renderAttackHtml } from '../../src/report/attack-html.ts'
import { renderAttackMarkdown } from '../../src/report/attack-markdown.ts'
import type { AttackRunReport } from '../../src/report/attack-run.ts'
import { renderAttacks } from '../../src/report/attack-text.ts'
import { renderJson } from '../../src/report/json.ts'
import { readAnyReport, readReport } from '../../src/report/read-report.ts'
import { checkReportPath, writeReport } from '../../src/report/write-report.ts'
import { attackModel } from '../../src/verify/attack-model.ts'
import { smallModel } from './small-models.ts'

const schemaOf = (name: string) => JSON.parse(readFileSync(`schemas/${name}.schema.json`, 'utf8'))
const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schemaOf('attack-report'))

let folder: string
let report: AttackRunReport
const radii = [0.01, 0.1, 100]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-attack-'))
  await writeModel(smallModel(), join(folder, 'model.onnx'))
  report = await attackModel(join(folder, 'model.onnx'), {
    dataset: 'shapes',
    samples: 40,
    attacks: ['auto', 'fgm'],
    radii,
    provider: 'cpu',
    command: 'lip-onnx attack model.onnx',
  })
})

describe('the report of attacks', () => {
  it('validates, and one that lacks or adds anything does not', () => {
    const json = JSON.parse(renderJson(report))
    expect(validate(json)).toBe(true)
    expect(validate({ ...json, verdict: 'pass' })).toBe(false)
    const { best: _, ...lacking } = json
    expect(validate(lacking)).toBe(false)
  })

  it('shares its parts with the report of verify', () => {
    const [attack, verify] = [schemaOf('attack-report'), schemaOf('report')]
    for (const part of ['tool', 'model', 'dataset', 'attacks', 'timing', 'schemaVersion', 'seed', 'shard']) {
      expect(attack.properties[part]).toEqual(verify.properties[part])
    }
  })

  it('counts robust accuracy from the nearest find of all attacks', () => {
    const { best, robustAccuracy, attacks } = report
    expect(attacks.map(({ name }) => name)).toEqual(['auto', 'fgm'])
    for (const { index, distance } of best) {
      const each = attacks.flatMap((attack) => attack.samples.find((sample) => sample.index === index)!.distance ?? [])
      expect(distance).toBe(Math.min(...each))
    }
    for (const radius of radii) {
      const standing = best.filter(({ distance }) => distance === null || distance > radius).length
      expect(robustAccuracy[radius]).toBe(standing / 40)
    }
    expect(robustAccuracy[100]).toBe(0)
  })

  it('draws the first correct sample of each class, with the nearest adversarial', () => {
    const correct = report.best.filter(({ distance }) => distance !== 0)
    expect(correct.length).toBeGreaterThan(0)
    expect(report.pictures!.length).toBeGreaterThan(0)
    for (const { index, distance, original, adversarial } of report.pictures!) {
      expect(distance).toBe(report.best.find((sample) => sample.index === index)!.distance)
      expect(Math.hypot(...original.map((value, i) => value - adversarial![i]!))).toBeCloseTo(distance!, 3)
    }
  })

  it('is a page, Markdown and text that say the same, and promises no certificate', () => {
    const page = renderAttackHtml(report)
    expect(page.match(/<figure>/g)!.length).toBe(report.pictures!.length)
    expect(page.match(/<svg/g)!.length).toBe(2)
    expect(page).not.toContain('<script')
    // Three letters may well stand in the base64 of a picture.
    expect(page.replace(/data:[^"')]+/g, '')).not.toMatch(/NaN|undefined/)
    expect(page).not.toContain('certificate <b>')
    const sentence = /40 samples: accuracy .*? mean (\d+\.\d{4}), median \d+\.\d{4}\./
    for (const text of [page, renderAttackMarkdown(report), renderAttacks(report, pc.createColors(false))]) {
      expect(text).toMatch(sentence)
      expect(text).toContain('fgm')
      expect(text).toContain('0.01')
    }
    const cut = { ...report, complete: false, attacks: [], pictures: [], robustAccuracy: {} }
    expect(renderAttackHtml(cut)).toContain('cut short')
    expect(renderAttackMarkdown(cut)).toContain('Cut short')
  })

  it('is written and read again; formats of gates and a use as a baseline are refused in one sentence', async () => {
    const path = join(folder, 'a.json')
    await writeReport(report, path)
    expect(renderJson(await readAnyReport(path))).toBe(renderJson(report))
    await expect(readReport(path)).rejects.toThrow(/is a report of attacks/)
    expect(() => checkReportPath('a.sarif', 'attack')).toThrow(/\.json \.html \.md/)
    await expect(writeReport(report, join(folder, 'a.xml'))).rejects.toMatchObject({ exitCode: 4 })
  })
})
