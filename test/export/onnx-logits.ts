import type { NetworkDescription } from '../../src/export/description.ts'
import { lower } from '../../src/export/lower.ts'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'
import { drawSamples } from './every-layer.ts'

/** Logits of random samples in onnxruntime, and the samples as tfjs takes them. */
export async function onnxLogits(
  network: NetworkDescription,
  count: number,
  seed: number,
): Promise<{ logits: Float32Array; samples: Float32Array }> {
  const ort = await import('onnxruntime-node')
  const builder = new GraphBuilder()
  const lowered = lower(network, builder, { batch: 'N', weights: 'initializers' })
  const session = await ort.InferenceSession.create(encodeModel(builder.build()), { intraOpNumThreads: 1 })
  const { first, last } = drawSamples(network.inputShape, count, seed)
  const result = await session.run({ input: new ort.Tensor('float32', first, [count, ...lowered.inputDims]) })
  const logits = result[lowered.output]!.data as Float32Array
  await session.release()
  return { logits, samples: last }
}

/** Largest difference, relative to the largest logit. */
export function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Number.POSITIVE_INFINITY
  let scale = 1e-3
  let worst = 0
  for (let i = 0; i < theirs.length; i++) {
    scale = Math.max(scale, Math.abs(theirs[i]!))
    worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!))
  }
  return worst / scale
}
