/**
 * Walks a program and writes every tensor as expressions over "bases": the graph's inputs, the outputs of operators that
 * fusion does not look through (Conv, Gemm, MatMul, ...), and whatever had no useful form.
 * @module
 */
import type { NdArray } from '../../onnx/ir.ts'
import type { Operand, Operator, RoundingRule, Site } from '../../ops/operator.ts'
import { hasSubnormal } from '../../ops/subnormal.ts'
import { type ExpressionPool, OPAQUE, type SymbolicArray } from '../../ops/symbolic.ts'
import type { Program, ProgramNode } from '../program.ts'
import type { FusionPool } from './expression-pool.ts'
import { createTrackedPool, type RelativeError, type TrackedPool } from './tracked-pool.ts'

export interface SymbolicTensor {
  readonly name: string
  /** Expressions over the bases, row-major. */
  readonly ids: Float64Array
  /** Number of the base that this tensor is; undefined when it is made of others. */
  readonly base: number | undefined
  /** What the executed nodes between the bases and this tensor may have added to any element. */
  readonly rounding: RelativeError
}

export interface SymbolicRun {
  readonly pool: FusionPool
  /** Base number -> tensor name. */
  readonly bases: readonly string[]
  readonly tensors: ReadonlyMap<string, SymbolicTensor>
}

/** Beyond this many leaves with repetition a tensor is opened afresh: deep residual streams would grow without end. */
const HEAVIEST = 2 ** 22
const SHIFT = 2 ** 50
const TINY = 2 ** -126
const LOST: RelativeError = { ulps: Number.POSITIVE_INFINITY, tiny: Number.POSITIVE_INFINITY }

/** @param fuses false for nodes whose outputs are opened afresh */
export function runSymbolically(program: Program, fuses: (node: ProgramNode) => boolean = () => true): SymbolicRun {
  // One for each element, and as many sets.
  const pool = createTrackedPool(
    1.5 * program.nodes.reduce((sum, { site }) => sum + sizesOf(site.outputs), sizesOf(program.inputs)),
  )
  const bases: string[] = []
  const arrays = new Map<string, SymbolicArray>()
  const tensors = new Map<string, SymbolicTensor>()

  const open = (operand: Operand): void => {
    const ids = pool.open(bases.length, sizeOf(operand.dims))
    arrays.set(operand.name, { dims: operand.dims, ids })
    tensors.set(operand.name, { name: operand.name, ids, base: bases.length, rounding: { ulps: 0, tiny: 0 } })
    bases.push(operand.name)
  }
  program.inputs.forEach(open)
  for (const node of program.nodes) {
    const found = fuses(node) ? execute(node, arrays, pool) : undefined
    node.site.outputs.forEach((operand, k) => {
      if (operand.name === '') return
      const array = found?.[k]
      const expressions = array && array.ids.length === sizeOf(operand.dims) ? expressionsOf(array, pool) : undefined
      if (!array || !expressions) open(operand)
      else {
        arrays.set(operand.name, { dims: operand.dims, ids: array.ids })
        tensors.set(operand.name, {
          name: operand.name,
          ids: expressions,
          base: undefined,
          rounding: worstOf(array, pool),
        })
      }
    })
  }
  return { pool: pool.expressions, bases, tensors }
}

const sizesOf = (operands: readonly Operand[]): number => operands.reduce((sum, { dims }) => sum + sizeOf(dims), 0)

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** The tracked expressions of a node's outputs; undefined when it has no symbolic form here. */
function execute(
  { site, operator }: ProgramNode,
  arrays: ReadonlyMap<string, SymbolicArray>,
  pool: TrackedPool,
): readonly (SymbolicArray | undefined)[] | undefined {
  const inputs = site.inputs.map((input) => (input && !input.constant ? arrays.get(input.name) : undefined))
  const constantError = constantErrorOf(site)
  if (!Number.isFinite(constantError)) return undefined
  const isMove = operator.lipschitz(site).kind === 'move'
  if (!operator.symbolic && !isMove) return undefined
  const rule = operator.rounding(site)
  const { result, aligned } = pool.run({ constantError, alignment: rule.kind === 'dot' }, () =>
    operator.symbolic ? operator.symbolic(site, inputs, pool) : moveExpressions(site, operator, inputs, pool),
  )
  // A number of the node that is read as 0 is no relative error.
  const round = hasSubnormal(site) ? LOST : roundingOf(rule, aligned)
  return result?.map(({ dims, ids }) => ({
    dims,
    ids: round ? ids.map((id) => pool.rounded(id, round.ulps, round.tiny)) : ids,
  }))
}

/** What the executed node adds, relative to its output; undefined when nothing. */
function roundingOf(rule: RoundingRule, aligned: boolean): RelativeError | undefined {
  if (rule.kind === 'exact') return undefined
  if (rule.kind === 'relative' && !rule.inputUlps) return { ulps: rule.ulps, tiny: (rule.absolute ?? 0) + 2 * TINY }
  // A sum whose terms have one sign: sum |w x| = |y|. Three more roundings for a division and a final product.
  if (rule.kind === 'dot' && aligned && !rule.offset && !rule.gain) {
    const terms = rule.terms + 3
    return { ulps: terms / (1 - terms * 2 ** -24), tiny: (2 * terms + 2) * TINY }
  }
  if (rule.kind === 'absolute') return { ulps: 0, tiny: rule.error }
  return LOST
}

/** The largest relative error of the node's constants. */
export function constantErrorOf(site: Site): number {
  return Math.max(0, ...site.inputs.map((input) => input?.constant?.relativeError ?? 0))
}

/**
 * Data movement is run on the numbers themselves, twice: what moved by SHIFT between the two runs is a copy, what stayed is
 * a constant. Nothing is assumed about which inputs carry data and which carry indices, pads or scales.
 */
export function moveExpressions(
  site: Site,
  operator: Operator,
  inputs: readonly (SymbolicArray | undefined)[],
  pool: Pick<ExpressionPool, 'constant'>,
): readonly SymbolicArray[] {
  const run = (shift: number): readonly NdArray[] =>
    operator.evaluate(
      site,
      site.inputs.map((input, k) => {
        const array = inputs[k]
        if (!input || !array) return input?.constant
        // Typed float64, so that a cast to float32 has nothing to round.
        return { type: 'float64', dims: array.dims, data: shift === 0 ? array.ids : array.ids.map((id) => id + shift) }
      }),
    )
  const [first, second] = [run(0), run(SHIFT)]
  return first.map(({ dims, data }, k) => {
    const other = second[k]!.data
    const ids = new Float64Array(data.length)
    for (let i = 0; i < data.length; i++) {
      const moved = other[i]! - data[i]!
      ids[i] = moved === SHIFT ? data[i]! : moved === 0 ? pool.constant(data[i]!) : OPAQUE
    }
    return { dims, ids }
  })
}

/** The plain expressions of an array; undefined when one is opaque or they have grown too heavy to carry on. */
function expressionsOf({ ids }: SymbolicArray, pool: TrackedPool): Float64Array | undefined {
  const { store } = pool.expressions
  const result = new Float64Array(ids.length)
  let weight = 0
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === OPAQUE) return undefined
    result[i] = pool.expressionOf(ids[i]!)
    weight += store.weight(result[i]!)
  }
  return weight > Math.max(HEAVIEST, 64 * ids.length) ? undefined : result
}

function worstOf({ ids }: SymbolicArray, pool: TrackedPool): RelativeError {
  const seen = new Set<RelativeError>()
  for (const id of ids) seen.add(pool.errorOf(id))
  let ulps = 0
  let tiny = 0
  for (const error of seen) {
    ulps = Math.max(ulps, error.ulps)
    tiny = Math.max(tiny, error.tiny)
  }
  return { ulps, tiny }
}
