import { prepare } from '../graph/prepare.ts'
import type { ProgramNode } from '../graph/program.ts'
import { type Analysis, analyse } from '../lipschitz/analyse.ts'
import { encloseStructure, vectorNormUpper } from '../lipschitz/norms/index.ts'
import type { Model } from '../onnx/ir.ts'
import type { MatrixStructure } from '../ops/operator.ts'

/** What was proved of one layer of the written file. */
export interface CertifiedLayer {
  readonly node: string
  /** Upper bound of the operator norm of the linear part. */
  readonly norm: number
  /** Upper bound of the norm of each output row, for a matrix. */
  readonly rows?: readonly number[]
}

export interface CertifiedModel {
  /** Of the nodes that were asked for. */
  readonly layers: ReadonlyMap<string, CertifiedLayer>
  /** Every logit moves by at most this times the input; Infinity where nothing is proved. */
  readonly logit: number
  /** Why nothing is proved. */
  readonly refused: Analysis['coverage']['refused']
}

/** Norms of the named nodes and the bound of the whole, from the bytes that were written and nothing else. */
export async function certifyModel(model: Model, nodes: Iterable<string>): Promise<CertifiedModel> {
  const wanted = new Set(nodes)
  const program = prepare(model, { batch: 1 })
  const analysis = await analyse(program)
  const linear = analysis.proof?.network.linear
  const layers = new Map<string, CertifiedLayer>()
  for (const node of program.nodes) {
    const { name } = node.site.node
    if (!wanted.has(name)) continue
    const certified = certifyNode(node, linear?.get(node)?.enclosure.upper)
    if (certified) layers.set(name, certified)
  }
  return {
    layers,
    logit: analysis.bounds.logit.upper ?? Number.POSITIVE_INFINITY,
    refused: analysis.coverage.refused,
  }
}

function certifyNode({ site, operator }: ProgramNode, known: number | undefined): CertifiedLayer | undefined {
  const rule = operator.lipschitz(site)
  if (rule.kind !== 'affine') return undefined
  const { structure } = rule
  return {
    node: site.node.name,
    norm: known ?? encloseStructure(structure).upper,
    ...(structure.kind === 'matrix' && { rows: rowNorms(structure) }),
  }
}

function rowNorms({ matrix }: MatrixStructure): number[] {
  const [rows, columns] = matrix.dims as readonly [number, number]
  return Array.from({ length: rows }, (_, i) => vectorNormUpper(matrix.data.subarray(i * columns, (i + 1) * columns)))
}
