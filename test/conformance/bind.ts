import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Model, StoredTensor } from '../../src/onnx/ir.ts'
import { decodeTensorFile, readModel } from '../../src/onnx/read.ts'

export const folder = process.env.LIP_ONNX_CONFORMANCE ?? '../shared/onnx-conformance'

/** Names of the cases that are there. */
export const cases: readonly string[] = existsSync(folder)
  ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'model.onnx')))
  : []

/** A tensor of a case's data set. */
export function load(name: string, file: string): StoredTensor {
  return decodeTensorFile(readFileSync(join(folder, name, 'test_data_set_0', file)))
}

/** The model and its given inputs; none when an input is not a tensor. */
export async function readCase(name: string): Promise<{ model: Model; inputs: readonly StoredTensor[] }> {
  const { model } = await readModel(join(folder, name, 'model.onnx'))
  const isTensor = model.graph.inputs.every((input) => input.type !== 'undefined')
  const inputs = isTensor
    ? model.graph.inputs.map((input, k): StoredTensor => ({ ...load(name, `input_${k}.pb`), name: input.name }))
    : []
  return { model, inputs }
}

/** The given inputs as constants of the model. */
export function bind(model: Model, given: readonly StoredTensor[]): Model {
  const names = new Set(given.map((tensor) => tensor.name))
  const { graph } = model
  return {
    ...model,
    graph: {
      ...graph,
      inputs: graph.inputs.filter((input) => !names.has(input.name)),
      initializers: new Map([...graph.initializers, ...given.map((tensor) => [tensor.name, tensor] as const)]),
    },
  }
}
