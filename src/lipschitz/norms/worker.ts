/**
 * A thread of `encloseAll`: encloses the structures that it is sent, one after another.
 * @module
 */
import { parentPort } from 'node:worker_threads'
import type { Enclosure } from '../../linalg/enclosure.ts'
import type { LinearStructure } from '../../ops/operator.ts'
import type { NormOptions } from './convolution.ts'
import { encloseStructure } from './structure.ts'

export interface Task {
  /** Position among the structures. */
  readonly index: number
  readonly structure: LinearStructure
  readonly options: NormOptions
}

export type Answer =
  | { readonly index: number; readonly enclosure: Enclosure }
  | { readonly index: number; readonly failure: Error }

parentPort?.on('message', ({ index, structure, options }: Task) => {
  try {
    parentPort!.postMessage({ index, enclosure: encloseStructure(structure, options) } satisfies Answer)
  } catch (error) {
    parentPort!.postMessage({ index, failure: error as Error } satisfies Answer)
  }
})
