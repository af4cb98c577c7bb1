import { access } from 'node:fs/promises'
import { EXIT, LipError } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

export const exportVerb = defineVerb({
  command: 'export <model>',
  summary: 'Write a trained network as plain ONNX, and certify what was written',
  examples: [
    ['export runs/demo4 -o model.onnx', 'The latest checkpoint of a run'],
    ['export model.keras -o model.onnx', 'A deel-lip model, every layer scaled to at most its share'],
    ['export web/model.json -o model.onnx', 'A TensorFlow.js model, its weights beside it'],
    ['export model.keras -o model.onnx --compat deel-lip', "The same with deel-lip's weights as they are"],
  ],
  positionals: {
    model: {
      type: 'string',
      demandOption: true,
      describe: 'Run folder, .keras or .h5 file, or model.json of TensorFlow.js',
    },
  },
  options: {
    out: { alias: 'o', type: 'string', demandOption: true, describe: 'ONNX file to write' },
    compat: { choices: ['deel-lip'] as const, describe: 'Keep the weights as they are and claim only what is proved' },
    'max-lipschitz': { type: 'number', default: 1, describe: 'What the file is to promise of every logit' },
    force: { type: 'boolean', default: false, describe: 'Overwrite the file' },
  },
  async run(args, io) {
    if (!args.force && (await exists(args.out))) {
      throw new LipError('FILE_EXISTS', `'${args.out}' is already there.`, { hint: 'Overwrite it with --force.' })
    }
    const { readNetwork } = await import('../read-network.ts')
    const { exportModel } = await import('../../export/export-model.ts')
    const network = await readNetwork(args.model)
    const { describeExport } = await import('../../export/describe-export.ts')
    const result = await exportModel(network, args.out, {
      mode: args.compat ?? 'strict',
      kCoefLip: args.maxLipschitz,
      metadata: { 'lip_onnx.source': args.model },
    })
    const { claim, layers, outputScale, refused } = result
    io.result({ model: args.out, claim, outputScale, layers, refused }, () =>
      describeExport(result, args.out).join('\n'),
    )
    return EXIT.pass
  },
})

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
