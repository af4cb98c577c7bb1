import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { writeModel } from '../../src/onnx/write.ts'
import { attackModel } from '../../src/verify/attack-model.ts'
import { smallModel } from '../verify/small-models.ts'

describe('signs of gradient masking', () => {
  const run = async (attacks: readonly string[], parameters = {}) => {
    const path = join(await mkdtemp(join(tmpdir(), 'lip-onnx-masking-')), 'model.onnx')
    await writeModel(smallModel(), path)
    const notes: string[] = []
    await attackModel(path, {
      dataset: 'shapes',
      samples: 6,
      attacks,
      parameters,
      provider: 'cpu',
      checkMasking: true,
      note: (text) => notes.push(text),
    })
    return notes.filter((text) => text.startsWith('Gradient masking'))
  }

  it('are looked for and named; a strong attack on an honest network shows none', async () => {
    const notes = await run(['auto'])
    expect(notes.map((text) => /, ([a-z-]+):/.exec(text)?.[1])).toEqual([
      'single-step',
      'noise',
      'black-box',
      'unbounded',
      'zero-gradients',
    ])
    expect(notes.filter((text) => text.includes('SUSPECT'))).toEqual([])
  })

  it('are seen where the white-box attack is beaten by weaker ones', async () => {
    const notes = await run(['pgd'], { epsilon: 1e-6, steps: 1 })
    expect(notes.filter((text) => text.includes('SUSPECT')).length).toBeGreaterThan(1)
  })

  it('need a white-box attack', async () => {
    expect(await run(['gaussian-noise'], { searchSteps: 1, repeats: 10 })).toEqual([
      expect.stringContaining('not checked'),
    ])
  })
})
