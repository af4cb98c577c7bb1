import { EXIT } from '../../errors.ts'
import { table } from '../../report/table.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
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
    const found = await inspectModel(args.model, { batch: args.batch, inputShapes: parseInputShapes(args.inputShape) })
    const { model, coverage } = found
    const c = io.colors
    io.result(found, () => {
      const head = [
        `${c.bold(model.path)}  ${model.producer}, opset ${model.opset}, IR ${model.irVersion}, ${model.parameters.toLocaleString('en')} parameters`,
        `sha256 ${model.sha256}`,
        `${model.input?.name ?? '(no input)'} [${model.input?.dims.join(', ') ?? ''}] -> ${model.output?.name ?? '(no output)'} [${model.output?.dims.join(', ') ?? ''}]`,
        '',
      ]
      const rows = found.nodes.map((node) => [
        node.op,
        node.name,
        node.outputs.map((output) => output.dims.join('x')).join(' '),
        node.rule,
        node.because ?? '',
      ])
      const body = table([['op', 'node', 'shape', 'rule', ''], ...rows], {
        paint: (cell, r, column) =>
          r === 0 ? c.dim(cell) : column === 3 && cell.trim() === 'unbounded' ? c.red(cell) : cell,
      })
      const refused = coverage.refused.map(({ name, op, reason }) => c.red(`no rule: ${name} (${op}): ${reason}`))
      const summary = `${coverage.handled} of ${coverage.nodes} nodes have a rule; ${found.folded} of them are constants.`
      return [...head, body, '', ...refused, summary].join('\n')
    })
    return coverage.refused.length > 0 ? EXIT.inconclusive : EXIT.pass
  },
})
