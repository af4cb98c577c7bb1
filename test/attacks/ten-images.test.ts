import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openVictim, runAttack } from '../../src/attacks/index.ts'
import { readNetwork } from '../../src/cli/read-network.ts'
import { certifiedModel } from '../../src/export/index.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { present, testImages } from './fashion.ts'

const NETWORK = `${process.env.LIP_ONNX_KERAS ?? '../shared/keras'}/demo4/deel-lip-demo4.keras`

/** The notebook's ten images, and what Carlini-Wagner 6x8000 found for them on this network (`npm run bench -- attacks`). */
const FOUND = new Map([
  [19, 1.70593],
  [2, 3.70704],
  [1, 1.56573],
  [13, 1.92727],
  [6, 0.41787],
  [8, 0.79685],
  [4, 0.60756],
  [9, 1.05577],
  [18, 2.52779],
  [0, 0.61203],
])

describe.skipIf(!present || !existsSync(NETWORK))(
  "the notebook's ten images (skipped where network or data are absent)",
  () => {
    const open = async () => {
      const { model } = await certifiedModel(await readNetwork(NETWORK), { mode: 'deel-lip' })
      const all = await testImages(20)
      return {
        victim: await openVictim({ model, bytes: encodeModel(model) }, { provider: 'cpu', threads: 1 }),
        samples: [...FOUND.keys()].map((index) => all[index]!),
      }
    }

    it('auto is no farther than Carlini-Wagner on any of them, in 250 gradients', async () => {
      const { victim, samples } = await open()
      const { report } = await runAttack('auto', victim, { samples })
      await victim.release()
      for (const { index, distance } of report.samples) {
        expect(distance!, `image ${index}`).toBeLessThanOrEqual(FOUND.get(index)!)
        expect(distance!, `image ${index}`).toBeGreaterThan(0.9 * FOUND.get(index)!)
      }
      expect(report.gradients!).toBeLessThanOrEqual(250)
    })

    it.skipIf(!process.env.LIP_ONNX_SLOW)(
      "Carlini-Wagner in foolbox's way finds what is recorded: 1.492 on average",
      async () => {
        const { victim, samples } = await open()
        const { report } = await runAttack('foolbox-cw', victim, { samples })
        await victim.release()
        for (const { index, distance } of report.samples) expect(distance! / FOUND.get(index)!).toBeCloseTo(1, 2)
        expect(report.meanDistance!).toBeCloseTo(1.492, 2)
      },
      1_200_000,
    )
  },
)
