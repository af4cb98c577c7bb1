/**
 * The network as it really runs: onnxruntime's float32 logits of every sample.
 * @module
 */
import type { Analysis } from '../lipschitz/analyse.ts'
import { exposeTensor } from '../lipschitz/expose-tensor.ts'
import type { LoadedModel } from '../onnx/read.ts'
import { encodeModel } from '../onnx/write.ts'
import { batchedForward } from '../runtime/batched-forward.ts'
import { openSession, type Session, type SessionOptions } from '../runtime/session.ts'
import type { Samples } from './samples.ts'

/**
 * Opens the file itself; where a final Softmax was stripped, the same network with the tensor before it as the output.
 */
export async function openNetworkSession(
  loaded: LoadedModel,
  logits: string | undefined,
  provider: SessionOptions['provider'],
): Promise<Session> {
  const { model } = loaded
  const options = provider === undefined ? {} : { provider }
  const output = model.graph.outputs[0]!
  if (logits !== undefined && logits !== output.name) {
    return openSession(encodeModel(exposeTensor(model, logits)), options)
  }
  return openSession(loaded.externalData.length > 0 ? loaded.path : loaded.bytes, options)
}

export interface Executed {
  /** Row k holds the logits of sample `indices[k]`. */
  readonly rows: Float32Array
  readonly width: number
}

/** Runs the samples, always at one batch shape. */
export async function execute(
  session: Session,
  { data, indices }: Pick<Samples, 'data' | 'indices'>,
  options: {
    readonly batch: number
    readonly onProgress?: (done: number, total: number) => void
    readonly signal?: AbortSignal | undefined
  },
): Promise<Executed> {
  const size = data.dims.reduce((a, b) => a * b, 1)
  let points = data.images
  if (indices.length !== data.count) {
    points = new Float32Array(indices.length * size)
    indices.forEach((index, row) => {
      points.set(data.image(index), row * size)
    })
  }
  return batchedForward(session, points, data.dims, {
    batch: options.batch,
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.signal && { signal: options.signal }),
  })
}

/** What the runtime section of the report says, with what was not proved about a stripped head. */
export function assumptionsOf(session: Session, analysis: Analysis, output: string): readonly string[] {
  const stripped = analysis.logits !== undefined && analysis.logits !== output
  if (!stripped) return session.assumptions
  return [
    ...session.assumptions,
    `The class is read from '${analysis.logits}', before the final Softmax, whose rounding may turn close values into ties.`,
  ]
}
