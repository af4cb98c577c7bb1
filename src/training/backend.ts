/**
 * The only door to TensorFlow.js backends.
 * @module
 */
import * as nodeUtil from 'node:util'
import { LipError } from '../errors.ts'
import { registerIdentity } from '../layers/kernels/identity.ts'
import * as tf from '../layers/tf.ts'

export type BackendName = 'wasm' | 'cpu' | 'tensorflow' | 'webgpu'

export interface Backend {
  readonly name: BackendName
  /** Why this one: for logs and `doctor`. */
  readonly reason: string
}

/** What starting a backend took, or why it could not be started. */
export interface BackendProbe {
  readonly name: BackendName
  readonly available: boolean
  readonly detail: string
}

/**
 * Starts a backend. 'auto' takes tfjs-node where it is installed, else wasm, else cpu; a name is taken or refused, never
 * silently replaced.
 * @throws LipError RUNTIME_UNAVAILABLE when the named backend cannot start
 */
export async function startBackend(wanted: BackendName | 'auto' = 'auto'): Promise<Backend> {
  if (wanted !== 'auto') {
    const probe = await start(wanted)
    if (!probe.available) {
      throw new LipError(
        'RUNTIME_UNAVAILABLE',
        `The TensorFlow.js backend "${wanted}" cannot start: ${probe.detail}.`,
        {
          hint: HINTS[wanted],
        },
      )
    }
    return { name: wanted, reason: `asked for; ${probe.detail}` }
  }
  const refused: string[] = []
  for (const name of ['tensorflow', 'wasm', 'cpu'] as const) {
    const probe = await start(name)
    if (probe.available) return { name, reason: [probe.detail, ...refused].join('; ') }
    refused.push(`${name}: ${probe.detail}`)
  }
  throw new LipError('RUNTIME_UNAVAILABLE', `No TensorFlow.js backend can start (${refused.join('; ')}).`)
}

/** Tries every backend and leaves the one that was active before. */
export async function probeBackends(): Promise<readonly BackendProbe[]> {
  const before = tf.engine().backendName
  const probes: BackendProbe[] = []
  for (const name of ['tensorflow', 'wasm', 'webgpu', 'cpu'] as const) probes.push(await start(name))
  if (before) await tf.setBackend(before)
  return probes
}

const HINTS: Readonly<Record<BackendName, string>> = {
  wasm: 'Reinstall @tensorflow/tfjs-backend-wasm, or use --backend cpu.',
  cpu: 'Reinstall @tensorflow/tfjs-backend-cpu.',
  tensorflow: 'npm install @tensorflow/tfjs-node (or @tensorflow/tfjs-node-gpu), or use --backend wasm.',
  webgpu: 'Use --backend wasm.',
}

async function start(name: BackendName): Promise<BackendProbe> {
  try {
    return await quietly(async () => {
      const detail = await STARTERS[name]()
      if (!(await tf.setBackend(name))) return { name, available: false, detail: 'it failed to initialise' }
      await tf.ready()
      // The cpu backend greets at its first tensor.
      tf.scalar(0).dispose()
      return { name, available: true, detail }
    })
  } catch (error) {
    return { name, available: false, detail: firstLine(error) }
  }
}

const STARTERS: Readonly<Record<BackendName, () => Promise<string>>> = {
  wasm: async () => {
    await import('@tensorflow/tfjs-backend-wasm')
    registerIdentity()
    return 'WebAssembly with SIMD, one thread'
  },
  cpu: async () => {
    await import('@tensorflow/tfjs-backend-cpu')
    return 'plain JavaScript, slow'
  },
  tensorflow: async () => {
    // tfjs-node 4.22 calls util.isNullOrUndefined, which Node 23 removed.
    const util = nodeUtil as unknown as { default: Record<string, unknown> }
    util.default.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
    const gpu = await importOptional('@tensorflow/tfjs-node-gpu')
    if (gpu) return 'libtensorflow with CUDA (tfjs-node-gpu)'
    if (await importOptional('@tensorflow/tfjs-node')) return 'libtensorflow (tfjs-node)'
    throw new Error('tfjs-node is not installed')
  },
  webgpu: async () => {
    if ((globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu === undefined) await provideNavigatorGpu()
    if (!(await importOptional('@tensorflow/tfjs-backend-webgpu'))) {
      throw new Error('@tensorflow/tfjs-backend-webgpu is not installed')
    }
    // Its synchronous reads go through a canvas; without one, training would end in the first step.
    if ((globalThis as { OffscreenCanvas?: unknown }).OffscreenCanvas === undefined) {
      throw new Error('it reads results through an OffscreenCanvas, which Node.js has not')
    }
    return 'WebGPU'
  },
}

/** Node has no navigator.gpu; the `webgpu` package (Dawn) has one. */
async function provideNavigatorGpu(): Promise<void> {
  const dawn = (await importOptional('webgpu')) as
    | { create(flags: string[]): unknown; globals: Record<string, unknown> }
    | undefined
  if (dawn === undefined) throw new Error('there is no navigator.gpu, and the package webgpu is not installed')
  Object.assign(globalThis, dawn.globals)
  const navigator = (globalThis as { navigator?: object }).navigator
  const gpu = dawn.create([])
  if (navigator === undefined) {
    Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  } else {
    Object.defineProperty(navigator, 'gpu', { value: gpu, configurable: true })
  }
}

/** undefined when the package is not installed; any other failure is reported as it is. */
async function importOptional(name: string): Promise<object | undefined> {
  try {
    return (await import(name)) as object
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string }
    if (code === 'ERR_MODULE_NOT_FOUND' && message?.includes(`'${name}'`)) return undefined
    throw error
  }
}

/** TensorFlow.js greets on standard output and warns about itself; standard output belongs to results. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { log, warn, info } = console
  console.log = console.warn = console.info = () => {}
  try {
    return await work()
  } finally {
    Object.assign(console, { log, warn, info })
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.replace(/\.$/, '')
}
