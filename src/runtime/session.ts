import { availableParallelism } from 'node:os'
import type { InferenceSession } from 'onnxruntime-node'
import { LipError } from '../errors.ts'
import { messageOf, onnxruntime, type RuntimeTensor, tf32IsOff } from './onnxruntime.ts'
import { type NumericProfile, numericProfile, type Optimisation, type ProviderName } from './profiles.ts'
import { providerStatus } from './providers.ts'

export interface SessionOptions {
  /** 'auto' takes CUDA where its libraries and a GPU are there, else the CPU. WebGPU must be asked for. Default 'auto'. */
  readonly provider?: 'auto' | ProviderName
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number
  /**
   * How far onnxruntime may rewrite the graph. Default 'disabled': the network that runs is the file as written, which is
   * what a certificate is about. Gradient graphs, whose results are re-evaluated, use 'all'.
   */
  readonly optimisation?: Optimisation
}

/** A size, or the symbol of a free dimension. */
export type SessionDims = readonly (number | string)[]

/** A network ready to run. `run` computes on the calling thread between two turns of the event loop. */
export interface Session {
  readonly provider: ProviderName
  /** Why this provider. */
  readonly reason: string
  readonly profile: NumericProfile['name']
  readonly assumptions: readonly string[]
  readonly threads: number
  readonly inputNames: readonly string[]
  readonly outputNames: readonly string[]
  /** Declared type and dims by name, as onnxruntime reads them. */
  readonly types: ReadonlyMap<string, { readonly type: string; readonly dims: SessionDims }>
  /**
   * @param feeds every input by name
   * @param fetches output tensors to be written in place (read the buffers that you passed, not the result), or names
   */
  run(
    feeds: Readonly<Record<string, RuntimeTensor>>,
    fetches?: Readonly<Record<string, RuntimeTensor>> | readonly string[],
  ): Promise<Readonly<Record<string, RuntimeTensor>>>
  release(): Promise<void>
}

/**
 * Opens an onnxruntime session. The provider that really runs is the one reported: on a GPU a node without a kernel is an
 * error instead of a silent fall back to the CPU.
 *
 * @param model bytes of an ONNX file, or its path
 * @throws LipError RUNTIME_UNAVAILABLE when the asked provider is not there, MODEL_INVALID when onnxruntime rejects the file
 */
export async function openSession(model: Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  const asked = options.provider ?? 'auto'
  if (asked === 'cpu') return open(model, 'cpu', 'the CPU was asked for', options)
  if (asked !== 'auto') {
    const status = providerStatus(asked)
    if (!status.available) {
      throw new LipError('RUNTIME_UNAVAILABLE', `Provider '${asked}' cannot be used: ${status.reason}.`, {
        hint: status.remedy ? `${status.remedy}; or use --provider cpu.` : 'Use --provider cpu.',
      })
    }
    return open(model, asked, `${asked} was asked for`, options)
  }
  const cuda = providerStatus('cuda')
  if (!cuda.available) return open(model, 'cpu', `CPU, because CUDA is not available: ${cuda.reason}`, options)
  try {
    return await open(model, 'cuda', cuda.reason, options)
  } catch (error) {
    return open(model, 'cpu', `CPU, because CUDA could not take this network: ${messageOf(error)}`, options)
  }
}

async function open(
  model: Uint8Array | string,
  provider: ProviderName,
  reason: string,
  options: SessionOptions,
): Promise<Session> {
  const { InferenceSession } = onnxruntime()
  const optimisation = options.optimisation ?? 'disabled'
  const threads = options.threads ?? availableParallelism()
  const settings: InferenceSession.SessionOptions = {
    // Channels last would need transposes around Resize that WebGPU leaves to the CPU.
    executionProviders: [provider === 'webgpu' ? { name: 'webgpu', preferredLayout: 'NCHW' } : provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: optimisation,
    logSeverityLevel: 4,
    extra: { session: provider === 'cpu' ? { 'intra_op.allow_spinning': '0' } : { disable_cpu_ep_fallback: '1' } },
  }
  let session: InferenceSession
  try {
    session =
      typeof model === 'string'
        ? await InferenceSession.create(model, settings)
        : await InferenceSession.create(model, settings)
  } catch (cause) {
    throw provider === 'cpu'
      ? new LipError('MODEL_INVALID', `onnxruntime cannot load the model: ${messageOf(cause)}.`, { cause })
      : new LipError('RUNTIME_UNAVAILABLE', `${provider} cannot run the model: ${messageOf(cause)}.`, {
          hint: 'Use --provider cpu.',
          cause,
        })
  }
  const profile = numericProfile(provider, { optimisation, tf32Off: tf32IsOff() })
  return {
    provider,
    reason,
    profile: profile.name,
    assumptions: profile.assumptions,
    threads,
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    types: new Map(
      [...session.inputMetadata, ...session.outputMetadata].flatMap((value) =>
        value.isTensor ? [[value.name, { type: value.type, dims: value.shape }] as const] : [],
      ),
    ),
    run: (feeds, fetches) =>
      fetches
        ? session.run(feeds, fetches as InferenceSession.FetchesType)
        : (session.run(feeds) as Promise<Record<string, RuntimeTensor>>),
    release: () => session.release(),
  }
}
