import type { Dataset } from '../data/dataset.ts'
import type { Engine } from './engine.ts'
import { accuracy, multiclassKR } from './epoch-metrics.ts'

export interface ValidationMetrics {
  readonly val_loss: number
  readonly val_accuracy: number
  readonly val_MulticlassKR: number
}

/**
 * Inference over a whole set in batches, with Keras' bookkeeping: loss and accuracy are means over samples, KR is the unweighted
 * mean over batches (each uses its own class counts).
 */
export async function validate(
  engine: Engine,
  data: Dataset,
  batchSize: number,
  lossOf: (labels: Int32Array, logits: Float32Array) => number,
): Promise<ValidationMetrics> {
  const size = data.images.length / data.count
  let loss = 0
  let correct = 0
  let kr = 0
  let batches = 0
  for (let start = 0; start < data.count; start += batchSize) {
    const count = Math.min(batchSize, data.count - start)
    const logits = await engine.predict(data.images.subarray(start * size, (start + count) * size), count)
    const labels = data.labels.subarray(start, start + count)
    loss += lossOf(labels, logits) * count
    correct += accuracy(logits, labels) * count
    kr += multiclassKR(logits, labels)
    batches++
  }
  return { val_loss: loss / data.count, val_accuracy: correct / data.count, val_MulticlassKR: kr / batches }
}
