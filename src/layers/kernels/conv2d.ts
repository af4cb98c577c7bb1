import * as tf from '../tf.ts'
import { columnSum } from './column-sum.ts'
import { filterGradient } from './filter-gradient.ts'
import { flippedFilter } from './flipped-filter.ts'
import { imageRange } from './image-range.ts'
import { matMul } from './mat-mul.ts'
import { PATCH_CONVOLUTION, patchGeometry } from './patch-convolution.ts'
import { patches } from './patches.ts'
import { HAS_SIMD } from './simd-function.ts'
import { winogradGeometry } from './winograd.ts'
import { WINOGRAD_CONVOLUTION } from './winograd-convolution.ts'
import { WINOGRAD_FILTER_GRADIENT } from './winograd-filter-gradient.ts'

/** Zero padding in pixels: before and after, vertically and horizontally. */
export interface Padding {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

export interface ConvGeometry {
  readonly strides: readonly [number, number]
  readonly padding: Padding
}

const NAME = 'LipConv2D'

/** TensorFlow's SAME padding: out = ceil(n / s), the odd pixel of padding comes after. */
export function samePadding(
  [height, width]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  [sy, sx]: readonly [number, number],
): Padding {
  const one = (n: number, k: number, s: number): [number, number] => {
    const total = Math.max((Math.ceil(n / s) - 1) * s + k - n, 0)
    return [Math.floor(total / 2), total - Math.floor(total / 2)]
  }
  const [top, bottom] = one(height, kh, sy)
  const [left, right] = one(width, kw, sx)
  return { top, bottom, left, right }
}

export const NO_PADDING: Padding = { top: 0, bottom: 0, left: 0, right: 0 }

type ConvAttributes = Padding & { sy: number; sx: number }

const explicit = ({
  top,
  bottom,
  left,
  right,
}: Padding): [[number, number], [number, number], [number, number], [number, number]] => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
]

tf.registerKernel({
  kernelName: NAME,
  backendName: 'wasm',
  kernelFunc: ({ inputs, backend, attrs }) => {
    const { sy, sx, ...padding } = attrs as unknown as ConvAttributes
    const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo }
    const geometry: ConvGeometry = { strides: [sy, sx], padding }
    const run = (name: string, attrs: object) =>
      tf.getKernel(name, 'wasm').kernelFunc({ inputs, backend, attrs: { ...attrs } })
    const tiles = winogradGeometry(x.shape, filter.shape, geometry)
    if (tiles) return run(WINOGRAD_CONVOLUTION, tiles)
    const patches = patchGeometry(x.shape, filter.shape, geometry)
    if (patches) return run(PATCH_CONVOLUTION, patches)
    const kernel = tf.getKernel(inputs.bias === undefined ? 'Conv2D' : 'FusedConv2D', 'wasm')
    return kernel.kernelFunc({
      inputs,
      backend,
      attrs: { strides: [sy, sx], pad: explicit(padding), dilations: [1, 1], dataFormat: 'NHWC', activation: 'linear' },
    })
  },
})

tf.registerGradient({
  kernelName: NAME,
  inputsToSave: ['x', 'filter'],
  gradFunc: (dyAny, saved, attrs) => {
    const dy = dyAny as tf.Tensor4D
    const [x, filter] = saved as [tf.Tensor4D, tf.Tensor4D]
    const { sy, sx, ...padding } = attrs as unknown as ConvAttributes
    const geometry: ConvGeometry = { strides: [sy, sx], padding }
    return {
      x: () => conv2dInputGradient(dy, filter, geometry, [x.shape[1], x.shape[2]]),
      filter: () => conv2dFilterGradient(x, dy, geometry, [filter.shape[0], filter.shape[1]]),
      bias: () => columnSum(dy),
    }
  },
})

/**
 * NHWC cross-correlation with an HWIO filter. On wasm it is machine code of our own, by tiles or by patches, where channels fill
 * vectors; its gradients are such convolutions too: the library's own are ten times slower (input) or missing (filter). An input that
 * is not differentiated costs nothing.
 */
export function conv2d(x: tf.Tensor4D, filter: tf.Tensor4D, geometry: ConvGeometry, bias?: tf.Tensor1D): tf.Tensor4D {
  const { strides, padding } = geometry
  if (x.shape[3] !== filter.shape[2]) {
    throw new Error(`conv2d: images of shape [${x.shape}] and a filter of shape [${filter.shape}] do not agree.`)
  }
  if (tf.getBackend() !== 'wasm') {
    const y = tf.conv2d(x, filter, [...strides], explicit(padding))
    return bias === undefined ? y : tf.add(y, bias)
  }
  const inputs = bias === undefined ? { x, filter } : { x, filter, bias }
  return tf.engine().runKernel(NAME, inputs as unknown as tf.NamedTensorMap, {
    sy: strides[0],
    sx: strides[1],
    ...padding,
  }) as unknown as tf.Tensor4D
}

/** The adjoint of the convolution: dx[i] = sum_j dy[j] w[i + pad - s j], itself a stride-1 convolution of the spread dy. */
export function conv2dInputGradient(
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  { strides: [sy, sx], padding }: ConvGeometry,
  [height, width]: readonly [number, number],
): tf.Tensor4D {
  const [kh, kw] = filter.shape
  const spread = spreadPixels(dy, sy, sx)
  return conv2d(spread, flippedFilter(filter), {
    strides: [1, 1],
    padding: {
      top: kh - 1 - padding.top,
      bottom: height - spread.shape[1] + padding.top,
      left: kw - 1 - padding.left,
      right: width - spread.shape[2] + padding.left,
    },
  })
}

/** Floats of patches at a time: 64 MB. */
const CHUNK = 1 << 24

/**
 * dW[a, i, o] = sum over images and pixels of x[s j + a - pad] dy[j]. On wasm machine code of our own where channels fill vectors,
 * else patches^T dy, some images at a time; elsewhere a convolution with batch and channel axes swapped.
 */
export function conv2dFilterGradient(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  geometry: ConvGeometry,
  kernelSize: readonly [number, number],
): tf.Tensor4D {
  if (tf.getBackend() !== 'wasm') return filterGradientByConvolution(x, dy, geometry, kernelSize)
  const tiles = winogradGeometry(x.shape, [...kernelSize, x.shape[3], dy.shape[3]], geometry)
  if (tiles) return tf.engine().runKernel(WINOGRAD_FILTER_GRADIENT, { dy, x }, { ...tiles })
  if (HAS_SIMD && dy.shape[3] % 4 === 0) return filterGradient(x, dy, geometry, kernelSize)
  return filterGradientByPatches(x, dy, geometry, kernelSize)
}

export function filterGradientByPatches(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  geometry: ConvGeometry,
  kernelSize: readonly [number, number],
): tf.Tensor4D {
  const [kh, kw] = kernelSize
  const [images, , , cin] = x.shape
  const [, oh, ow, cout] = dy.shape
  const depth = kh * kw * cin
  const step = Math.max(1, Math.floor(CHUNK / (oh * ow * depth)))
  let total: tf.Tensor2D | undefined
  for (let first = 0; first < images; first += step) {
    const count = Math.min(step, images - first)
    const next = tf.tidy(() => {
      const part = imageRange(dy, first, count)
      const cotangents = tf.transpose(tf.reshape(part, [count * oh * ow, cout])) as tf.Tensor2D
      const sum = matMul(cotangents, patches(x, kernelSize, [oh, ow], geometry, [first, count]))
      return total === undefined ? sum : tf.add(total, sum)
    }) as tf.Tensor2D
    total?.dispose()
    total = next
  }
  return tf.reshape(tf.transpose(total!), [kh, kw, cin, cout])
}

export function filterGradientByConvolution(
  x: tf.Tensor4D,
  dy: tf.Tensor4D,
  { strides: [sy, sx], padding }: ConvGeometry,
  [kh, kw]: readonly [number, number],
): tf.Tensor4D {
  const [, height, width, cin] = x.shape
  const cout = dy.shape[3]
  const spanY = sy * (dy.shape[1] - 1) + 1
  const spanX = sx * (dy.shape[2] - 1) + 1
  const pad = explicit({
    top: padding.top,
    bottom: Math.max(0, kh + spanY - 1 - height - padding.top),
    left: padding.left,
    right: Math.max(0, kw + spanX - 1 - width - padding.left),
  })
  const images = tf.transpose(x, [3, 1, 2, 0])
  const cotangents = tf.transpose(dy, [1, 2, 0, 3])
  const all = tf.conv2d(images as tf.Tensor4D, cotangents as tf.Tensor4D, 1, pad, 'NHWC', [sy, sx])
  const wanted = all.shape[1] === kh && all.shape[2] === kw ? all : tf.slice(all, [0, 0, 0, 0], [cin, kh, kw, cout])
  return tf.transpose(wanted, [1, 2, 0, 3])
}

/** Puts s - 1 zeros between neighbouring pixels, by padding only. */
function spreadPixels(x: tf.Tensor4D, sy: number, sx: number): tf.Tensor4D {
  if (sy === 1 && sx === 1) return x
  const [b, h, w, c] = x.shape
  const wide = tf.pad(tf.reshape(x, [b * h, w, c]), [
    [0, 0],
    [0, 0],
    [0, (sx - 1) * c],
  ])
  const row = w * sx * c
  const tall = tf.pad(tf.reshape(wide, [b, h, row]), [
    [0, 0],
    [0, 0],
    [0, (sy - 1) * row],
  ])
  const full = tf.reshape(tall, [b, h * sy, w * sx, c]) as tf.Tensor4D
  return tf.slice(full, [0, 0, 0, 0], [b, (h - 1) * sy + 1, (w - 1) * sx + 1, c])
}
