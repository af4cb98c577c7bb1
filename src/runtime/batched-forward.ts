import { LipError } from '../errors.ts'
import { floatTensor } from './onnxruntime.ts'
import type { Session } from './session.ts'

export interface ForwardOptions {
  /** Rows of each run; every run has this many, the last one padded. Default 64, or what the file fixes. */
  readonly batch?: number
  /** Name of the output wanted; default the first. */
  readonly output?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Runs a network over many samples, always at one batch shape: onnxruntime may pick other kernels, and so other
 * roundings, at another shape, and a last short batch must not be special. Missing rows are zeros and are dropped.
 *
 * @param samples row-major, `count` times the product of `dims` values
 * @param dims one sample's dims, without the batch axis
 * @returns the output's rows, `[count, width]` row-major
 */
export async function batchedForward(
  session: Session,
  samples: Float32Array,
  dims: readonly number[],
  options: ForwardOptions = {},
): Promise<{ readonly rows: Float32Array; readonly width: number }> {
  const size = dims.reduce((a, b) => a * b, 1)
  if (size === 0 || samples.length % size !== 0) {
    throw new LipError(
      'DATA_INVALID',
      `The data hold ${samples.length} values, which is no multiple of the ${size} of one sample.`,
    )
  }
  const count = samples.length / size
  const input = session.inputNames[0]!
  const output = options.output ?? session.outputNames[0]!
  const fixed = session.types.get(input)?.dims[0]
  const batch = typeof fixed === 'number' ? fixed : (options.batch ?? 64)
  const points = new Float32Array(batch * size)
  const feeds = { [input]: floatTensor(points, [batch, ...dims]) }
  let rows = new Float32Array(0)
  let width = 0
  for (let start = 0; start < count; start += batch) {
    options.signal?.throwIfAborted()
    const real = Math.min(batch, count - start)
    points.set(samples.subarray(start * size, (start + real) * size))
    points.fill(0, real * size)
    const result = (await session.run(feeds, [output]))[output]!
    const values = result.data as Float32Array
    if (result.type !== 'float32' || values.length % batch !== 0) {
      throw new LipError(
        'MODEL_UNSUPPORTED',
        `Output '${output}' is ${result.type} [${result.dims.join(', ')}], which has no float32 row per sample.`,
      )
    }
    if (start === 0) {
      width = values.length / batch
      rows = new Float32Array(count * width)
    }
    rows.set(values.subarray(0, real * width), start * width)
    options.onProgress?.(start + real, count)
  }
  return { rows, width }
}
