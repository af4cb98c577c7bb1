import type { LinearStructure } from '../../ops/operator.ts'
import type { NormOptions } from './convolution.ts'
import { encloseStructure } from './structure.ts'

/** Task of a worker thread of `encloseAll`. (tinypool takes a module's export by name.) */
export function enclose(task: { readonly structure: LinearStructure; readonly options: NormOptions }) {
  return encloseStructure(task.structure, task.options)
}
