import type { Compat } from './defaults.ts'

/**
 * The factor that turns ||reshaped kernel|| <= 1 into ||convolution|| <= 1.
 *
 * Strict: 1 / sqrt(ceil(kh / sy) ceil(kw / sx)). ||y||^2 = sum over patches ||W^T patch||^2 <= sum ||patch||^2, and an input
 * pixel lies in at most ceil(kh / sy) ceil(kw / sx) patches: a bound, for every input size.
 *
 * deel-lip, stride 1: h w over the *average* multiplicity of a pixel in the zero-padded image (arXiv:2006.06520, App. C.3).
 * Not a bound: pixels in the interior are counted kh kw times (1.0244 at 3x3 on 28x28).
 *
 * @param size height and width of the input; used by deel-lip's formula only
 */
export function convLipFactor(
  [kh, kw]: readonly [number, number],
  [sy, sx]: readonly [number, number],
  [h, w]: readonly [number, number],
  compat: Compat,
): number {
  if (compat === null || sy * sx !== 1) return 1 / Math.sqrt(Math.ceil(kh / sy) * Math.ceil(kw / sx))
  const border = (k: number): number => ((k - 1) / 2) * ((k - 1) / 2 + 1)
  return Math.sqrt((h * w) / ((kh * h - border(kh)) * (kw * w - border(kw))))
}
