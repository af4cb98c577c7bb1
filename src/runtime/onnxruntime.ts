/**
 * The only door to onnxruntime-node: settings that must be made before its native code loads are made here.
 * @module
 */
import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import type * as Ort from 'onnxruntime-node'
import { LipError } from '../errors.ts'

/** A tensor in onnxruntime's own representation; its `data` is shared, not copied. */
export type RuntimeTensor = Ort.Tensor

let loaded: typeof Ort | undefined

/**
 * onnxruntime-node, loaded at first use. TF32 is switched off for the whole process: CUDA's libraries read the variable
 * once, when they load, and a product of 10-bit mantissas would make nonsense of a certificate (docs/soundness.md 10.1).
 * A worker thread sees a copy of the environment, so there the main thread must have come first; `tf32IsOff` tells.
 *
 * Telemetry is switched off too: since 1.29 onnxruntime's official builds for Linux tell Microsoft the name, the producer and
 * hashes of every model that is opened, and whose model it is, is not ours to tell. Who wants it sets ORT_DISABLE_TELEMETRY=0.
 */
export function onnxruntime(): typeof Ort {
  if (loaded) return loaded
  if (isMainThread) {
    process.env.NVIDIA_TF32_OVERRIDE = '0'
    process.env.ORT_DISABLE_TELEMETRY ??= '1'
  }
  try {
    loaded = createRequire(import.meta.url)('onnxruntime-node') as typeof Ort
  } catch (cause) {
    throw new LipError(
      'RUNTIME_UNAVAILABLE',
      `onnxruntime-node cannot be loaded on ${process.platform}/${process.arch}: ${messageOf(cause)}.`,
      { hint: 'Run `npm ci` again; onnxruntime-node has binaries for linux, windows and macOS on arm64.', cause },
    )
  }
  return loaded
}

/** Whether the environment that native code sees has TF32 switched off. */
export function tf32IsOff(): boolean {
  return process.env.NVIDIA_TF32_OVERRIDE === '0'
}

/** A float32 tensor over `data` (no copy). */
export function floatTensor(data: Float32Array, dims: readonly number[]): RuntimeTensor {
  const { Tensor } = onnxruntime()
  return new Tensor('float32', data, dims)
}

/** First line of an error's message, without onnxruntime's source locations and final stop. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .split('\n')[0]!
    .replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /, '')
    .replace(/^\S*\/onnxruntime\/\S+:\d+ .* was false\. /, '')
    .replace(/\.$/, '')
}
