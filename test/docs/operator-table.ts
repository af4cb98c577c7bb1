/**
 * docs/operators.md, out of the rooms themselves.
 * @module
 */
import { OPERATORS } from '../../src/ops/index.ts'
import type { LinearStructure, LipschitzRule, Operator, RoundingRule } from '../../src/ops/operator.ts'
import { roomFor, siteOf } from '../ops/one-node.ts'
import { USES, type Use } from './operator-examples.ts'

const HEAD = `# Operators

Made by \`npx vitest run test/docs -u\` from the rooms in [src/ops](../src/ops), each asked about the uses listed in
[operator-examples.ts](../test/docs/operator-examples.ts). Do not edit: a test compares. Domain \`ai.onnx\`; opsets as in the second column, and
any other opset, input or attribute is refused by name.

- **Rule**: what the node does to L2 distances. *Copies* are followed element by element; *linear* nodes are bounded by an enclosure
  of their norm, together with their linear neighbours where that is possible; *refused* makes the result inconclusive, with the node
  named. N is the number of elements that the sentence is about.
- **Rounding**: the bound of the executed float32 node. \`exact\`; \`ulps\` relative to the output; \`sum\` relative to the sum of absolute
  products; \`absolute\`; \`none\`: nothing is certified behind such a node.
- **Gradient**: has a reverse rule, for attacks and for the lower side of bounds. A linear node's is its adjoint, and the proof uses it.
- **Fused**: region analysis looks through it element by element ([soundness.md](soundness.md), section 4), so that several nodes may
  have a bound that none of them has alone: Mul, ReduceSum and Sqrt are a norm, Greater and Where a ReLU.

`

export function operatorTable(): string {
  const rows = [...OPERATORS.values()].map(rowOf)
  const refused = rows.filter(({ alwaysRefused }) => alwaysRefused).length
  const count = `${rows.length} operators, ${refused} of which are refused wherever they depend on the input.\n\n`
  const table = [
    '| operator | opsets | rule | rounding | gradient | fused |',
    '|---|---|---|---|---|---|',
    ...rows.map(({ cells }) => `| ${cells.join(' | ')} |`),
  ]
  return `${HEAD}${count}${table.join('\n')}\n`
}

function rowOf(room: Operator): { readonly cells: readonly string[]; readonly alwaysRefused: boolean } {
  const uses = USES[room.type]
  if (!uses) throw new Error(`${room.type} has no use in test/docs/operator-examples.ts`)
  const rules = uses.map((use) => ({ use, rule: ruleOf(room.type, use) }))
  const [first, last] = room.opsets ?? [7, 25]
  const sentences = rules.map(({ use, rule }) => `${use.when === undefined ? '' : `${use.when}: `}${words(rule)}`)
  const moves = rules.some(({ rule }) => rule.kind === 'move')
  return {
    cells: [
      room.type,
      `${first}-${last}`,
      sentences.length === 0 ? 'constants only, folded' : sentences.join('<br>'),
      uses.length === 0 ? '' : roundingOf(room.type, uses),
      room.vjp ? 'yes' : 'no',
      moves || room.symbolic ? 'yes' : 'no',
    ],
    alwaysRefused: rules.length > 0 && rules.every(({ rule }) => rule.kind === 'unbounded'),
  }
}

const ruleOf = (op: string, use: Use): LipschitzRule => roomFor(op).lipschitz(siteOf({ op, ...use }))

function words(rule: LipschitzRule): string {
  const sentence = (text: string): string => text.replaceAll('97', 'N').replaceAll('|', '\\|').replaceAll('*', '\\*')
  const few = rule.outputs === undefined ? '' : ' (its first output; no other has a bound)'
  switch (rule.kind) {
    case 'move':
      return 'copies'
    case 'affine':
      return `linear: ${sentence(structureWords(rule.structure))}`
    case 'constant':
    case 'monotone-head':
      return `${sentence(rule.because)}${few}`
    case 'combine':
      return `${rule.linear ? 'linear: ' : ''}${sentence(rule.because)}`
    case 'unbounded':
      return `*refused*: ${sentence(rule.because)}`
  }
}

function structureWords(structure: LinearStructure): string {
  switch (structure.kind) {
    case 'convolution':
      return 'a convolution, its norm enclosed'
    case 'matrix':
      return 'a matrix, its norm enclosed'
    case 'blocks':
      return 'a matrix for each part, the largest norm enclosed'
    case 'diagonal':
      return 'a factor for each element, the largest'
    case 'kronecker':
      return 'a matrix along each axis, the product of their norms'
    case 'closed-form':
      return structure.because
  }
}

/** The rounding rules of the uses that have a bound (of all, where none has). */
function roundingOf(op: string, uses: readonly Use[]): string {
  const bounded = uses.filter((use) => ruleOf(op, use).kind !== 'unbounded')
  const kinds = (bounded.length > 0 ? bounded : uses).map((use) => roomFor(op).rounding(siteOf({ op, ...use })))
  return [...new Set(kinds.map(roundingWords))].join(', ')
}

function roundingWords(rule: RoundingRule): string {
  switch (rule.kind) {
    case 'exact':
      return 'exact'
    case 'relative':
      return 'ulps'
    case 'dot':
      return 'sum'
    case 'absolute':
      return 'absolute'
    case 'unknown':
      return 'none'
  }
}
