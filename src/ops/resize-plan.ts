import type { NdArray, Shape } from '../onnx/ir.ts'
import { constantIntegers, normaliseAxis } from './axes.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Site } from './operator.ts'
import { type AxisRequest, type AxisResampling, type Interpolation, resample, resizedLength } from './resample.ts'

/** A Resize or Upsample in its place. */
export interface ResizePlan {
  readonly outDims: Shape
  /** One an axis of the input. */
  readonly axes: readonly AxisResampling[]
  readonly how: Interpolation
  readonly extrapolation: number
  /** The specification's reference and onnxruntime read this node differently. */
  readonly ambiguous: boolean
}

const COORDINATES = [
  'half_pixel',
  'half_pixel_symmetric',
  'pytorch_half_pixel',
  'align_corners',
  'asymmetric',
  'tf_half_pixel_for_nn',
  'tf_crop_and_resize',
]
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil']

/** Reads Resize (opset 10: scales; from 11: roi, scales or sizes) and Upsample (opset 7: attribute; 9: input). */
export function resizePlan(site: Site): ResizePlan {
  const { dims } = site.input(0)
  const how = interpolationOf(site)
  const requests = requestsOf(site, dims)
  requests.forEach(({ size, out }) => {
    if (size === 0 && out !== 0) throw invalid(site, 'grows an axis without elements')
  })
  // With a scale that gives no whole length, "length_resized" is scale * length in the reference and its floor in onnxruntime.
  const usesLength = ['align_corners', 'tf_crop_and_resize', 'pytorch_half_pixel'].includes(how.coordinates)
  const ambiguous =
    requests.some((axis) => usesLength && axis.out !== axis.size && resizedLength(axis) !== axis.out) ||
    (how.coordinates === 'pytorch_half_pixel' && how.mode === 'cubic' && requests.some(({ out }) => out === 1))
  return {
    outDims: requests.map(({ out }) => out),
    axes: requests.map((axis) => resample(axis, how)),
    how,
    extrapolation: site.float('extrapolation_value', 0),
    ambiguous,
  }
}

function interpolationOf(site: Site): Interpolation {
  const mode = site.string('mode', 'nearest')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'cubic') throw unsupported(site, `has mode '${mode}'`)
  const early = site.opset < 11 || site.node.op === 'Upsample'
  const coordinates = early ? 'asymmetric' : site.string('coordinate_transformation_mode', 'half_pixel')
  if (!COORDINATES.includes(coordinates)) throw unsupported(site, `has coordinates '${coordinates}'`)
  const nearest = early ? 'simple' : site.string('nearest_mode', 'round_prefer_floor')
  if (!early && !NEAREST.includes(nearest)) throw unsupported(site, `has nearest mode '${nearest}'`)
  return {
    mode,
    coordinates,
    nearest,
    cubic: site.float('cubic_coeff_a', -0.75),
    excludeOutside: site.int('exclude_outside', 0) === 1,
    antialias: mode !== 'nearest' && site.int('antialias', 0) === 1,
  }
}

function requestsOf(site: Site, dims: Shape): readonly AxisRequest[] {
  const axes = site.has('axes')
    ? site.ints('axes').map((axis) => normaliseAxis(site, axis, dims.length))
    : dims.map((_, axis) => axis)
  const late = site.opset >= 11 && site.node.op !== 'Upsample'
  const scales = scalesOf(site, late ? 2 : 1)
  const sizes = late && isGiven(site, 3) ? constantIntegers(site, 3) : undefined
  const given = sizes ?? scales
  if (!given) throw invalid(site, 'has neither scales nor sizes')
  if (given.length !== axes.length) throw invalid(site, `has ${given.length} scales or sizes for ${axes.length} axes`)
  const roi = late ? roiOf(site, axes.length) : undefined
  const common = sizes && commonScale(site, dims, axes, sizes)
  return dims.map((size, axis) => {
    const k = axes.indexOf(axis)
    if (k < 0) return { size, out: size, scale: 1, scaleGiven: false, roi: [0, 1] as const }
    const region = [roi?.[k] ?? 0, roi?.[k + axes.length] ?? 1] as const
    if (sizes) {
      if (common === undefined) return { size, out: sizes[k]!, scale: sizes[k]! / size, scaleGiven: false, roi: region }
      return { size, out: Math.floor(common * size + 0.5), scale: common, scaleGiven: true, roi: region }
    }
    const scale = scales![k]!
    if (!(scale > 0)) throw invalid(site, `has the scale ${scale}`)
    // The length is a float32 product in the specification's shape inference and in onnxruntime.
    return { size, out: Math.floor(Math.fround(scale * size)), scale, scaleGiven: true, roi: region }
  })
}

/** The scale of all axes when the aspect ratio is kept; undefined when each axis has its own. */
function commonScale(site: Site, dims: Shape, axes: readonly number[], sizes: readonly number[]): number | undefined {
  const policy = site.string('keep_aspect_ratio_policy', 'stretch')
  const ratios = axes.map((axis, k) => sizes[k]! / dims[axis]!)
  if (policy === 'stretch') return undefined
  if (policy === 'not_larger') return Math.min(...ratios)
  if (policy === 'not_smaller') return Math.max(...ratios)
  throw unsupported(site, `has the aspect ratio policy '${policy}'`)
}

function scalesOf(site: Site, index: number): readonly number[] | undefined {
  if (site.has('scales')) return site.floats('scales')
  if (!isGiven(site, index)) return undefined
  return [...constantOf(site, index).data]
}

function roiOf(site: Site, count: number): readonly number[] | undefined {
  if (site.string('coordinate_transformation_mode', 'half_pixel') !== 'tf_crop_and_resize') return undefined
  const roi = constantOf(site, 1).data
  if (roi.length !== 2 * count) throw invalid(site, `has a region of ${roi.length} numbers for ${count} axes`)
  return [...roi]
}

function constantOf(site: Site, index: number): NdArray {
  site.input(index)
  const value = site.constant(index)
  if (!value) throw unsupported(site, `takes its input ${index} from a computed value where a constant is needed`)
  return value
}

/** Named and not empty: an empty tensor stands for an omitted one. */
function isGiven(site: Site, index: number): boolean {
  const input = site.inputs[index]
  return input !== undefined && !input.dims.includes(0)
}
