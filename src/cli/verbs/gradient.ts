import { EXIT, LipError } from '../../errors.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
import { defineVerb } from '../verb.ts'

export const gradient = defineVerb({
  command: 'gradient <model>',
  summary: 'Differentiate a model into an ONNX graph of its backward pass',
  examples: [
    ['gradient model.onnx -o model.grad.onnx', 'Inputs x and cotangent; outputs the logits and gradient/x'],
    ['gradient model.onnx -o g.onnx --batch 32 --by fc.weight', 'The gradient by a weight, at batch 32'],
  ],
  positionals: { model: { type: 'string', demandOption: true, describe: 'ONNX file' } },
  options: {
    output: { alias: 'o', type: 'string', demandOption: true, describe: 'File to write' },
    batch: { type: 'number', default: 1, describe: 'Batch size of the graph' },
    of: { type: 'string', describe: 'Tensor to differentiate', defaultDescription: 'first output' },
    by: {
      type: 'string',
      array: true,
      describe: 'Input or initializer (repeatable)',
      defaultDescription: 'every input',
    },
    ...INPUT_SHAPE,
  },
  async run(args, io) {
    const { differentiate } = await import('../../graph/differentiate.ts')
    const { prepare } = await import('../../graph/prepare.ts')
    const { readModel } = await import('../../onnx/read.ts')
    const { writeModel } = await import('../../onnx/write.ts')
    const { model } = await readModel(args.model)
    const program = prepare(model, { batch: args.batch, inputShapes: parseInputShapes(args.inputShape) })
    const of = args.of ?? model.graph.outputs[0]?.name
    if (of === undefined) throw new LipError('MODEL_INVALID', `The model '${args.model}' has no output.`)
    const by = args.by ?? program.inputs.map((input) => input.name)
    const derived = differentiate(program, { of, by })
    await writeModel(derived, args.output)
    const inputs = derived.graph.inputs.map(({ name, dims }) => ({ name, dims }))
    const outputs = derived.graph.outputs.map(({ name, dims }) => ({ name, dims }))
    io.result({ output: args.output, nodes: derived.graph.nodes.length, inputs, outputs }, () => {
      const show = (values: typeof inputs) =>
        values.map(({ name, dims }) => `${name} [${dims?.join(', ') ?? '?'}]`).join(', ')
      return `Wrote ${args.output}: ${derived.graph.nodes.length} nodes\n  in   ${show(inputs)}\n  out  ${show(outputs)}`
    })
    return EXIT.pass
  },
})
