/**
 * The figures of the progress line, in float64 on the logits that a step returns anyway.
 * @module
 */

/** Fraction of rows whose largest logit is that of the label; the first of equal logits counts, as in Keras' argmax. */
export function accuracy(logits: Float32Array, labels: Int32Array): number {
  const classes = logits.length / labels.length
  if (classes === 1) {
    let right = 0
    for (let i = 0; i < labels.length; i++) if (logits[i]! > 0 === labels[i]! > 0) right++
    return right / labels.length
  }
  let right = 0
  for (let i = 0; i < labels.length; i++) {
    let best = 0
    for (let c = 1; c < classes; c++) if (logits[i * classes + c]! > logits[i * classes + best]!) best = c
    if (best === labels[i]) right++
  }
  return right / labels.length
}

/**
 * Kantorovich-Rubinstein term of the batch: mean over classes of (mean logit of the class's samples - mean logit of the others),
 * with deel-lip's 1e-7 in both denominators (arXiv 2006.06520, Eq. 3; multiclass as in deel-lip's MulticlassKR).
 */
export function multiclassKR(logits: Float32Array, labels: Int32Array): number {
  const classes = logits.length / labels.length
  let total = 0
  for (let c = 0; c < classes; c++) {
    let inside = 0
    let outside = 0
    let count = 0
    for (let i = 0; i < labels.length; i++) {
      const member = classes === 1 ? labels[i]! > 0 : labels[i] === c
      if (member) {
        inside += logits[i * classes + c]!
        count++
      } else outside += logits[i * classes + c]!
    }
    total += inside / (count + 1e-7) - outside / (labels.length - count + 1e-7)
  }
  return total / classes
}
