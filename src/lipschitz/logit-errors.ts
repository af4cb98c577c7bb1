/**
 * Rounding error of single logits and of differences of two, as executed: the error of the features through the rows of the
 * last affine segment, plus what each node of the segment rounds through the rows behind it.
 * @module
 */
import type { Network } from './network.ts'
import { vectorNormUpper } from './norms/index.ts'
import { type ErrorForm, plus, type RoundingErrors, scaled } from './rounding-error.ts'
import { TINY_F32 } from './rounding-profile.ts'
import type { Trailing } from './trailing.ts'

export interface LogitErrors {
  single(i: number): ErrorForm
  pair(i: number, j: number): ErrorForm
}

const ROOT_2 = Math.SQRT2 * (1 + 2 ** -50)
/** Covers the float64 arithmetic of these sums. */
const SLACK = 1 + 2 ** -30

export function createLogitErrors(network: Network, errors: RoundingErrors, trailing: Trailing): LogitErrors {
  const { logits, features, rows, rowErrors, classes } = trailing
  if (features === logits || rows.size === 0) {
    const error = errors.of(logits)
    return { single: () => error, pair: () => (classes === 1 ? error : scaled(error, ROOT_2)) }
  }
  const sources = [...rows.keys()].map((name): readonly [string, ErrorForm] => [
    name,
    name === features ? errors.of(features) : errors.byNode(name),
  ])
  const last = lastRounding(network, errors, trailing)
  const through = (name: string, pick: (rows: readonly Float64Array[]) => Float64Array): number =>
    (vectorNormUpper(pick(rows.get(name)!)) + 2 * (rowErrors.get(name) ?? 0)) * SLACK
  const known = new Map<number, ErrorForm>()
  const remember = (key: number, compute: () => ErrorForm): ErrorForm => {
    const found = known.get(key) ?? compute()
    known.set(key, found)
    return found
  }
  return {
    single: (i) =>
      remember(i * (classes + 1), () =>
        plus(
          ...sources.map(([name, error]) =>
            scaled(
              error,
              through(name, (list) => list[i]!),
            ),
          ),
          last(i),
        ),
      ),
    pair: (i, j) =>
      remember(Math.min(i, j) * (classes + 1) + Math.max(i, j) + 1, () =>
        plus(
          ...sources.map(([name, error]) =>
            scaled(
              error,
              through(name, (list) => list[i]!.map((value, k) => value - list[j]![k]!)),
            ),
          ),
          last(i),
          last(j),
        ),
      ),
  }
}

/**
 * Rounding of logit i by the last node itself. For a sum of products it is g (|w_i| . |h| + |b_i|), with w_i the row by the
 * node's input, when that input has no other way to the logits; otherwise the node's whole error.
 */
function lastRounding(network: Network, errors: RoundingErrors, trailing: Trailing): (i: number) => ErrorForm {
  const producer = network.producers.get(trailing.logits)!
  const { site, operator } = producer.node
  const whole = errors.byNode(trailing.logits)
  const rule = operator.rounding(site)
  const [input, ...others] = site.inputs.filter((operand) => operand && !operand.constant)
  const readers = trailing.nodes.filter((node) => node.site.inputs.some((operand) => operand?.name === input!.name))
  const rows = trailing.rows.get(input!.name)
  const constants = site.inputs.some((operand) => operand?.constant?.relativeError)
  const kind = network.linear.get(producer.node)?.structure.kind
  // Elsewhere a bias may be a difference of its own.
  if (kind !== 'matrix' && kind !== 'convolution') return () => whole
  if (rule.kind !== 'dot' || rule.offset !== undefined || others.length > 0 || readers.length > 1 || !rows || constants)
    return () => whole
  const bias = errors.biasOf(trailing.logits)
  const arriving = plus(errors.norm(input!.name), errors.of(input!.name))
  const rowError = trailing.rowErrors.get(input!.name) ?? 0
  const grow = errors.profile.dot(rule.terms)
  const flushed = (2 * rule.terms + 2) * TINY_F32 * (rule.gain ?? 1)
  return (i) => {
    const products = scaled(arriving, (vectorNormUpper(rows[i]!) + rowError) * SLACK)
    const offset = Math.abs(bias[i] ?? 0)
    const tiny = plus({ constant: flushed * (1 + offset), slope: 0 }, scaled(plus(products, arriving), flushed))
    const own = plus(scaled(plus(products, { constant: offset, slope: 0 }), grow * SLACK), tiny)
    return own.constant + own.slope <= whole.constant + whole.slope ? own : whole
  }
}
