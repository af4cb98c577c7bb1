/** TensorFlow's geometry of windows, one axis at a time. */
export interface AxisGeometry {
  readonly out: number
  readonly before: number
  readonly after: number
}

/**
 * 'same': out = ceil(n / s), total = max((out - 1) s + k - n, 0), the smaller half first.
 *
 * @param k size of the (dilated) window
 */
export function windowAxis(n: number, k: number, s: number, padding: 'same' | 'valid'): AxisGeometry {
  if (padding === 'valid') return { out: Math.floor((n - k) / s) + 1, before: 0, after: 0 }
  const out = Math.ceil(n / s)
  const total = Math.max((out - 1) * s + k - n, 0)
  return { out, before: Math.floor(total / 2), after: total - Math.floor(total / 2) }
}
