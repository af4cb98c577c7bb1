import { EXIT } from '../../errors.ts'
import { showBound } from '../../report/format-number.ts'
import { table } from '../../report/table.ts'
import { wrap } from '../../report/wrap.ts'
import type { InspectedNode } from '../../verify/inspect.ts'
import { checkCount } from '../../verify/samples.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
import type { Colors } from '../io.ts'
import { defineVerb } from '../verb.ts'

export const inspect = defineVerb({
  command: 'inspect <model>',
  summary: 'Nodes, shapes, what has a rule and what has not',
  examples: [
    ['inspect model.onnx', 'List the nodes that the proof walks'],
    ['inspect model.onnx --input-shape x=1,3,32,32', 'Fix an open input size'],
    ['inspect model.onnx --json', 'The same for a program'],
  ],
  positionals: { model: { type: 'string', demandOption: true, describe: 'ONNX file' } },
  options: {
    ...INPUT_SHAPE,
    batch: { type: 'number', default: 1, describe: 'Size of an open batch dimension' },
  },
  async run(args, io) {
    const { inspectModel } = await import('../../verify/inspect.ts')
    checkCount('--batch', args.batch)
    const found = await inspectModel(args.model, { batch: args.batch, inputShapes: parseInputShapes(args.inputShape) })
    const { model, coverage } = found
    const c = io.colors
    io.result(found, () => {
      const head = [
        c.bold(model.path),
        `${model.producer}, opset ${model.opset}, IR ${model.irVersion}, ${model.parameters.toLocaleString('en')} parameters`,
        `sha256 ${model.sha256}`,
        `${model.input?.name ?? '(no input)'} [${model.input?.dims.join(', ') ?? ''}] -> ${model.output?.name ?? '(no output)'} [${model.output?.dims.join(', ') ?? ''}]`,
        '',
      ]
      const rows = found.nodes.map((node) => [
        node.op,
        node.name,
        node.outputs.map((output) => output.dims.join('x')).join(' '),
        ruleOf(node),
      ])
      const body = table([['op', 'node', 'shape', 'rule'], ...rows], {
        paint: (cell, r, column) =>
          r === 0 ? c.dim(cell) : column === 3 && cell.startsWith('unbounded') ? c.yellow(cell) : cell,
      })
      const refused = coverage.refused.map(({ name, op, reason }) =>
        c.red(wrap('no rule: ', `${name} (${op}): ${reason}`)),
      )
      const summary = `${coverage.handled} of ${coverage.nodes} nodes have a rule; ${found.folded} of them are constants.`
      return [...head, body, '', ...reasonsOf(found.nodes, c), ...refused, summary].join('\n')
    })
    return coverage.refused.length > 0 ? EXIT.inconclusive : EXIT.pass
  },
})

/** The rule in a word or two; of a linear node also how its norm is found. */
function ruleOf({ rule, constant, because }: InspectedNode): string {
  if (rule === 'affine') return `affine, ${because}`
  return constant === undefined ? rule : `constant ${showBound(constant, 'upper')}`
}

/** Each reason once, however many nodes share it: a node that is unbounded alone may be part of a norm or a gate. */
function reasonsOf(nodes: readonly InspectedNode[], { bold }: Colors): readonly string[] {
  const reasons = new Map<string, Set<string>>()
  for (const { op, rule, because } of nodes) {
    if (because === undefined || rule === 'affine') continue
    const reason = rule === 'unbounded' ? `unbounded alone: ${because}` : because
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(op))
  }
  if (reasons.size === 0) return []
  return [bold('Why'), ...[...reasons].map(([reason, ops]) => wrap(`  ${[...ops].join(', ')}: `, reason)), '']
}
