import { access } from 'node:fs/promises'
import { EXIT, LipError } from '../../errors.ts'
import { defineVerb } from '../verb.ts'

export const exportVerb = defineVerb({
  command: 'export <model>',
  summary: 'Write a trained network as plain ONNX, and certify what was written',
  examples: [
    ['export runs/demo4 -o model.onnx', 'The latest checkpoint of a run'],
    ['export model.keras -o model.onnx', 'A deel-lip model, every layer scaled to at most its share'],
    ['export model.keras -o model.onnx --compat deel-lip', "The same with deel-lip's weights as they are"],
  ],
  positionals: {
    model: { type: 'string', demandOption: true, describe: 'Run folder, .keras or .h5 file' },
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
    const { readNetwork } = await import('../../export/read-network.ts')
    const { exportModel } = await import('../../export/export-model.ts')
    const network = await readNetwork(args.model)
    const { layers, claim } = await exportModel(network, args.out, {
      mode: args.compat ?? 'strict',
      kCoefLip: args.maxLipschitz,
      metadata: { 'lip_onnx.source': args.model },
    })
    io.result({ model: args.out, claim, layers }, () =>
      [
        ...layers.map(({ node, before, after, share }) => {
          const what = share.of === 'rows' ? 'largest row' : 'norm'
          const scaled = after < before * (1 - 1e-9) ? `, scaled by ${(after / before).toFixed(6)}` : ''
          return `${node}: ${what} <= ${before.toFixed(6)}${scaled}`
        }),
        `Wrote ${args.out}: every logit is ${claim.upper.toFixed(6)}-Lipschitz, as far as the layers alone prove it.`,
      ].join('\n'),
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
