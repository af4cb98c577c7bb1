import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadDataset } from '../../src/data/catalogue.ts'
import { readNpy } from '../../src/data/npy.ts'
import { readKerasModel } from '../../src/export/keras/read-keras.ts'
import { lower } from '../../src/export/lower.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const KERAS = '../shared/keras'
const present = existsSync(KERAS) && existsSync('../shared/data/fashion-mnist')

async function logitsOf(path: string, count: number): Promise<{ ours: Float32Array; batch: number }> {
  const ort = await import('onnxruntime-node')
  const builder = new GraphBuilder()
  const network = await readKerasModel(path)
  const lowered = lower(network, builder, { batch: 'N', weights: 'initializers' })
  const session = await ort.InferenceSession.create(encodeModel(builder.build()))
  const data = await loadDataset('fashion-mnist', { split: 'test', dataDir: '../shared/data' })
  const images = data.images.subarray(0, count * 784)
  const result = await session.run({ input: new ort.Tensor('float32', images, [count, 1, 28, 28]) })
  const ours = result[lowered.output]!.data as Float32Array
  await session.release()
  return { ours, batch: count }
}

describe.skipIf(!present)('Keras models (../shared/keras)', () => {
  it.each([
    ['deel-lip.keras', 'logits.npy', 256],
    ['deel-lip.h5', 'logits.npy', 256],
    ['vanilla.keras', 'logits.npy', 256],
    ['demo4/deel-lip-demo4.keras', 'demo4/logits.npy', 10000],
  ])('%s gives the logits that deel-lip gave', async (file, logits, count) => {
    const { ours } = await logitsOf(`${KERAS}/${file}`, count)
    const theirs = (await readNpy(`${KERAS}/${logits}`)).data
    let worst = 0
    for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!))
    expect(ours.length).toBe(theirs.length)
    console.log(file, 'largest difference', worst)
    expect(worst).toBeLessThan(1e-4)
  })
})
