/**
 * A thread of `dataParallelEngine`: one wasm backend that takes chunks of a batch.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { LipError } from '../errors.ts'
import * as tf from '../layers/tf.ts'
import { startBackend } from './backend.ts'
import { type ChunkNetwork, chunkNetwork } from './chunk-network.ts'
import { buildLayers, type LayerCopy } from './layer-copies.ts'
import { CONTROL, PHASE, type SharedBatch } from './shared-batch.ts'

export interface WorkerSetup {
  readonly layers: readonly LayerCopy[]
  readonly inputShape: readonly number[]
  readonly chunk: number
  readonly keptBytes?: number
}

export type WorkerTask =
  | { readonly kind: 'train' | 'predict'; readonly batch: SharedBatch; readonly samples: number }
  /** Count of tensors, for tests. */
  | { readonly kind: 'memory' }

export type WorkerAnswer =
  | { readonly kind: 'ready' | 'forward' | 'done' }
  | { readonly kind: 'memory'; readonly tensors: number }
  | { readonly kind: 'failed'; readonly code?: LipError['code']; readonly message: string; readonly hint?: string }

const answer = (value: WorkerAnswer): void => parentPort?.postMessage(value)

class Aborted extends Error {}

function run(network: ChunkNetwork, task: WorkerTask): void {
  if (task.kind === 'memory') {
    answer({ kind: 'memory', tensors: tf.memory().numTensors })
    return
  }
  const { batch, samples } = task
  if (task.kind === 'predict') {
    network.predict(batch, samples)
  } else {
    network.train(batch, samples, () => {
      answer({ kind: 'forward' })
      Atomics.wait(batch.control, CONTROL.phase, PHASE.forward)
      if (Atomics.load(batch.control, CONTROL.phase) === PHASE.abort) throw new Aborted()
    })
  }
  answer({ kind: 'done' })
}

function attempt(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof Aborted) return
    const { code, hint } = error instanceof LipError ? error : {}
    const message = error instanceof Error ? error.message : String(error)
    answer({ kind: 'failed', message, ...(code && { code }), ...(hint && { hint }) })
  }
}

if (parentPort) {
  const port = parentPort
  const { layers, ...rest } = workerData as WorkerSetup
  try {
    await startBackend('wasm')
    attempt(() => {
      const network = chunkNetwork({ ...rest, layers: buildLayers(layers, rest.inputShape) })
      port.on('message', (task: WorkerTask) => attempt(() => run(network, task)))
      answer({ kind: 'ready' })
    })
  } catch (error) {
    attempt(() => {
      throw error
    })
  }
}
