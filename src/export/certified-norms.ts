import { prepare } from '../graph/prepare.ts'
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

/** Norms of the named nodes, from the bytes that were written and nothing else. */
export function certifiedNorms(model: Model, nodes: Iterable<string>): ReadonlyMap<string, CertifiedLayer> {
  const wanted = new Set(nodes)
  const program = prepare(model, { batch: 1 })
  const found = new Map<string, CertifiedLayer>()
  for (const { site, operator } of program.nodes) {
    const node = site.node.name
    if (!wanted.has(node)) continue
    const rule = operator.lipschitz(site)
    if (rule.kind !== 'affine') continue
    const { structure } = rule
    found.set(node, {
      node,
      norm: encloseStructure(structure).upper,
      ...(structure.kind === 'matrix' && { rows: rowNorms(structure) }),
    })
  }
  return found
}

function rowNorms({ matrix }: MatrixStructure): number[] {
  const [rows, columns] = matrix.dims as readonly [number, number]
  return Array.from({ length: rows }, (_, i) => vectorNormUpper(matrix.data.subarray(i * columns, (i + 1) * columns)))
}
