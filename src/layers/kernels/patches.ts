import type * as tf from '../tf.ts'
import type { ConvGeometry } from './conv2d.ts'
import { registerLoopKernel, runLoopKernel } from './loop-kernel.ts'

const NAME = 'LipPatches'

registerLoopKernel({
  name: NAME,
  shape: ([x], { kh, kw, oh, ow, count }) => [count! * oh! * ow!, kh! * kw! * x![3]!],
  run: (out, [x], [shape], { kh, kw, oh, ow, sy, sx, top, left, first, count }) => {
    const [, h, w, c] = shape as [number, number, number, number]
    let to = 0
    for (let image = first!; image < first! + count!; image++) {
      for (let y = 0; y < oh!; y++) {
        for (let column = 0; column < ow!; column++) {
          const startX = column * sx! - left!
          // A row of a patch is contiguous in memory but for what lies in the padding.
          const before = Math.min(kw!, Math.max(0, -startX)) * c
          const inside = Math.max(before, (Math.min(w, startX + kw!) - startX) * c)
          for (let a = 0; a < kh!; a++) {
            const inputY = y * sy! + a - top!
            const from = ((image * h + inputY) * w + startX) * c
            const end = inputY >= 0 && inputY < h ? inside : before
            for (let i = 0; i < before; i++) out[to + i] = 0
            for (let i = before; i < end; i++) out[to + i] = x![from + i]!
            for (let i = end; i < kw! * c; i++) out[to + i] = 0
            to += kw! * c
          }
        }
      }
    }
  },
})

/** Patches of `count` images from `first` on, [count oh ow, kh kw cin]: the convolution is this matrix times the filter. */
export function patches(
  x: tf.Tensor4D,
  [kh, kw]: readonly [number, number],
  [oh, ow]: readonly [number, number],
  { strides: [sy, sx], padding }: ConvGeometry,
  [first, count]: readonly [number, number],
): tf.Tensor2D {
  return runLoopKernel(NAME, { x }, { kh, kw, oh, ow, sy, sx, top: padding.top, left: padding.left, first, count })
}
