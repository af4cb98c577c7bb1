import { mkdtemp, readdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { readNpy } from '../../src/data/npy.ts'
import { writeModel } from '../../src/onnx/write.ts'
import type { Report } from '../../src/report/report.ts'
import { verifyModel } from '../../src/verify/verify-model.ts'
import { smallModel } from './small-models.ts'

// A mutant: every certificate is thirty times what is proved.
vi.mock('../../src/lipschitz/certify.ts', async (original) => {
  const real = await original<typeof import('../../src/lipschitz/certify.ts')>()
  return {
    ...real,
    certify: (...args: Parameters<typeof real.certify>) => {
      const certificate = real.certify(...args)
      return { ...certificate, radius: 30 * certificate.radius }
    },
  }
})

let folder: string
let model: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-violations-'))
  model = join(folder, 'model.onnx')
  await writeModel(smallModel(), model)
})

const run = (violationFolder: string | undefined): Promise<Report> =>
  verifyModel(model, { dataset: 'shapes', samples: 24, attackSamples: 24, provider: 'cpu', violationFolder })
const violations = (report: Report) => report.attacks[0]!.samples.filter(({ status }) => status.endsWith('-violation'))

describe('an adversarial inside a certified radius', () => {
  it('is an alarm (5), saved with its original, named in the message, and never overwritten', async () => {
    const out = join(folder, 'out')
    const report = await run(out)
    expect(report).toMatchObject({ verdict: 'alarm', exitCode: 5 })
    const found = violations(report)
    expect(found.length).toBeGreaterThan(0)
    for (const { index, file, distance } of found) {
      expect(file).toBe(join(out, `violation-${index}.npy`))
      const [bad, good] = await Promise.all([readNpy(file!), readNpy(join(out, `violation-${index}-original.npy`))])
      expect(bad.dims).toEqual([1, 1, 28, 28])
      const away = Math.hypot(...Array.from(bad.data, (value, i) => value - good.data[i]!))
      expect(away).toBeCloseTo(distance!, 6)
      expect(away).toBeLessThan(report.certificates!.samples.find((sample) => sample.index === index)!.radius)
    }
    const alarm = report.gates.find((gate) => gate.status === 'alarm')!
    expect(alarm.message).toContain(found[0]!.file)
    expect((await readdir(out)).length).toBe(2 * found.length)

    // The same find keeps its name; another file of that name stays as it is.
    const taken = found[0]!.file!
    await writeFile(taken, 'mine')
    const again = violations(await run(out))
    expect(again.map(({ file }) => file)).toEqual([
      taken.replace(/\.npy$/, '-2.npy'),
      ...found.slice(1).map(({ file }) => file),
    ])
    expect((await readdir(out)).length).toBe(2 * found.length + 1)
  })

  it('stays an alarm where it cannot be saved, and is not saved unless a folder is named', async () => {
    const blocked = await run(join(model, 'below-a-file'))
    expect(blocked.exitCode).toBe(5)
    expect(blocked.gates.find((gate) => gate.id === 'violation')!.message).toMatch(/could not be saved/)
    const unsaved = await run(undefined)
    expect(unsaved.exitCode).toBe(5)
    expect(violations(unsaved).every(({ file }) => file === undefined)).toBe(true)
  })
})
