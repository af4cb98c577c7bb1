import { LipError } from '../errors.ts'
import type { Attribute, NdArray, Node } from '../onnx/ir.ts'
import type { Operand, Site } from './operator.ts'

/** Puts a node in its place: typed attribute access with the operator's defaults, operands with shapes and constants. */
export function createSite(
  node: Node,
  opset: number,
  inputs: readonly (Operand | undefined)[],
  outputs: readonly Operand[] = [],
): Site {
  const invalid = (what: string) =>
    new LipError('MODEL_INVALID', `Node '${node.name}' (${node.op}) ${what}.`, {
      hint: 'Check the file with the exporter that wrote it, or with onnx.checker.',
    })

  function read<K extends Attribute['kind'], V>(name: string, kind: K, fallback: V | undefined): V {
    const found = node.attributes.get(name)
    if (found === undefined) {
      if (fallback === undefined) throw invalid(`lacks the attribute '${name}'`)
      return fallback
    }
    if (found.kind !== kind) throw invalid(`has attribute '${name}' of kind ${found.kind} where ${kind} is due`)
    return found.value as V
  }

  return {
    node,
    opset,
    inputs,
    outputs,
    input(index: number): Operand {
      const operand = inputs[index]
      if (!operand) throw invalid(`lacks input ${index}`)
      return operand
    },
    constant: (index: number): NdArray | undefined => inputs[index]?.constant,
    has: (name) => node.attributes.has(name),
    attribute: (name) => node.attributes.get(name),
    int: (name, fallback) => read(name, 'int', fallback),
    float: (name, fallback) => read(name, 'float', fallback),
    string: (name, fallback) => read(name, 'string', fallback),
    ints: (name, fallback) => read(name, 'ints', fallback),
    floats: (name, fallback) => read(name, 'floats', fallback),
  }
}
