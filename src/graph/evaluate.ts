import { LipError } from '../errors.ts'
import type { NdArray } from '../onnx/ir.ts'
import { toNdArray } from '../onnx/tensor.ts'
import { checkResult } from './check-result.ts'
import { missingTensor } from './missing-tensor.ts'
import type { Program, ProgramNode } from './program.ts'

/**
 * Runs the program in float64: the meaning of the graph up to rounding of 2^-53.
 *
 * @param feeds one array an input, of exactly the input's shape
 * @param wanted names of tensors; default: the outputs
 * @throws LipError DATA_INVALID for feeds that do not fit; MODEL_UNSUPPORTED for tensors behind a node without a rule
 */
export function evaluate(
  program: Program,
  feeds: ReadonlyMap<string, NdArray>,
  wanted: readonly string[] = program.model.graph.outputs.map((output) => output.name),
): Map<string, NdArray> {
  for (const name of wanted) if (!program.values.has(name)) throw missingTensor(program, name)
  const live = nodesFor(program, wanted)
  const found = new Map<string, NdArray>()
  const needed = new Set(wanted)
  for (const node of live) for (const input of node.site.inputs) if (input) needed.add(input.name)
  for (const input of program.inputs) {
    const feed = feeds.get(input.name)
    if (!feed) {
      if (!needed.has(input.name)) continue
      throw new LipError('DATA_INVALID', `The input '${input.name}' was given no value.`)
    }
    if (feed.dims.length !== input.dims.length || feed.dims.some((dim, axis) => dim !== input.dims[axis]))
      throw new LipError(
        'DATA_INVALID',
        `The input '${input.name}' has shape [${input.dims.join(', ')}], not [${feed.dims.join(', ')}].`,
      )
    found.set(input.name, { ...feed, type: input.type })
  }
  for (const name of program.source.options.variables ?? []) {
    found.set(name, feeds.get(name) ?? toNdArray(program.model.graph.initializers.get(name)!))
  }

  // Arrays are dropped after their last reader.
  const uses = new Map<string, number>()
  for (const name of wanted) uses.set(name, (uses.get(name) ?? 0) + 1)
  for (const { site } of live)
    for (const input of site.inputs) if (input) uses.set(input.name, (uses.get(input.name) ?? 0) + 1)

  const read = (name: string): NdArray => {
    const array = found.get(name) ?? program.values.get(name)?.constant
    if (!array) throw missingTensor(program, name)
    return array
  }
  for (const { site, operator } of live) {
    const results = operator.evaluate(
      site,
      site.inputs.map((input) => input && read(input.name)),
    )
    for (const input of site.inputs) {
      if (!input) continue
      const left = uses.get(input.name)! - 1
      uses.set(input.name, left)
      if (left === 0) found.delete(input.name)
    }
    site.outputs.forEach(({ name }, i) => {
      const result = results[i]
      if (name === '' || !uses.has(name) || !result) return
      checkResult(site, i, result)
      found.set(name, result)
    })
  }
  return new Map(wanted.map((name) => [name, read(name)]))
}

/** The nodes that the wanted tensors need, in order. */
export function nodesFor(program: Program, wanted: readonly string[]): readonly ProgramNode[] {
  const needed = new Set(wanted)
  const live: ProgramNode[] = []
  for (let i = program.nodes.length - 1; i >= 0; i--) {
    const node = program.nodes[i]!
    if (!node.site.outputs.some((output) => needed.has(output.name))) continue
    live.push(node)
    for (const input of node.site.inputs) if (input) needed.add(input.name)
  }
  return live.reverse()
}
