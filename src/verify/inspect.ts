/**
 * What a model is made of, and what has a rule: no data and no runtime needed.
 * @module
 */
import { prepare } from '../graph/prepare.ts'
import type { ProgramNode } from '../graph/program.ts'
import { openWitnesses } from '../lipschitz/open-sizes.ts'
import type { Shape } from '../onnx/ir.ts'
import { readModel } from '../onnx/read.ts'
import type { Report } from '../report/report.ts'
import { coverageOf } from './coverage.ts'
import { modelInfo } from './model-info.ts'

export interface InspectedNode {
  readonly name: string
  readonly op: string
  readonly outputs: readonly {
    readonly name: string
    readonly type: string
    readonly dims: readonly (number | string)[]
  }[]
  /** Kind of the Lipschitz rule: 'move', 'affine', 'constant', ..., or 'error' when it cannot be asked. */
  readonly rule: string
  /** Of rules that have one. */
  readonly constant?: number
  /** The reason, where the rule has one. */
  readonly because?: string
}

export interface Inspection {
  readonly model: Report['model']
  readonly batch: number
  /** Nodes that depend on the input; what is computed from constants alone is folded away. */
  readonly nodes: readonly InspectedNode[]
  readonly folded: number
  readonly metadata: Readonly<Record<string, string>>
  readonly coverage: Report['coverage']
}

function describeRule({ operator, site }: ProgramNode): Pick<InspectedNode, 'rule' | 'constant' | 'because'> {
  const rule = operator.lipschitz(site)
  switch (rule.kind) {
    case 'move':
      return { rule: 'move' }
    case 'affine':
      return { rule: 'affine', because: rule.structure.kind }
    case 'constant':
    case 'monotone-head':
      return { rule: rule.kind, constant: rule.value, because: rule.because }
    case 'combine':
      return { rule: rule.linear ? 'linear' : 'combine', because: rule.because }
    case 'unbounded':
      return { rule: 'unbounded', because: rule.because }
  }
}

/** Reads a model and lists its nodes with shapes and rules. */
export async function inspectModel(
  path: string,
  options: { readonly batch?: number; readonly inputShapes?: Readonly<Record<string, Shape>> } = {},
): Promise<Inspection> {
  const loaded = await readModel(path)
  // Open sizes are shown by their names: the graph is the same at every size.
  const witnesses = openWitnesses(loaded.model, options.inputShapes)
  const program =
    witnesses?.here ?? prepare(loaded.model, { batch: options.batch ?? 1, inputShapes: options.inputShapes ?? {} })
  const shown = (name: string, dims: Shape): readonly (number | string)[] => {
    const other = witnesses?.there.values.get(name)?.dims
    return other ? dims.map((dim, axis) => (dim === other[axis] ? dim : (witnesses!.names.get(dim) ?? '?'))) : dims
  }
  const coverage = coverageOf(program)
  return {
    model: modelInfo(loaded),
    batch: program.batch,
    nodes: program.nodes.map((node) => ({
      name: node.site.node.name,
      op: node.site.node.op,
      outputs: node.site.outputs.map(({ name, type, dims }) => ({ name, type, dims: shown(name, dims) })),
      ...describeRule(node),
    })),
    folded: coverage.handled - program.nodes.length,
    metadata: Object.fromEntries(loaded.model.metadata),
    coverage,
  }
}
