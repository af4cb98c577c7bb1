import type { Split } from '../../data/dataset.ts'
import { EXIT, LipError } from '../../errors.ts'
import type { TrainingConfig } from '../../training/config.ts'
import { downloadProgress } from '../download-progress.ts'
import { freeFolder } from '../free-folder.ts'
import { describeValidation, TRAINING_OPTIONS, trainWithProgress } from '../train-with-progress.ts'
import { defineVerb } from '../verb.ts'

export const train = defineVerb({
  command: 'train [config]',
  summary: 'Train a network; leaves a run folder with checkpoints, metrics and the certified model.onnx',
  examples: [
    ['train config.yaml --out runs/first', 'Train as configured (schemas/train.schema.json)'],
    ['train --resume --out runs/first', 'Continue where it stopped, to the last bit'],
    ['train config.yaml --engine tfjs --backend wasm', 'Everything in TensorFlow.js'],
  ],
  positionals: { config: { type: 'string', describe: 'Configuration in JSON or YAML' } },
  options: {
    out: { type: 'string', describe: 'Run folder', defaultDescription: 'runs/<name>' },
    resume: { type: 'boolean', default: false, describe: 'Continue the run in --out' },
    epochs: { type: 'number', describe: "In place of the configuration's" },
    seed: { type: 'number', describe: "In place of the configuration's" },
    'data-dir': { type: 'string', describe: 'Folder with the original files (else LIP_ONNX_DATA, else the cache)' },
    ...TRAINING_OPTIONS,
  },
  async run(args, io) {
    const { readTrainingConfig } = await import('../../training/read-config.ts')
    const { openRunFolder } = await import('../../training/run-folder.ts')
    const { loadTrainingData } = await import('../../training/load-data.ts')
    if (args.resume && args.out === undefined) {
      throw new LipError('USAGE', 'To resume a run, name its folder.', { hint: 'Add --out runs/NAME.' })
    }
    if (!args.resume && args.config === undefined) {
      throw new LipError('USAGE', 'A new run needs a configuration.', { hint: 'lip-onnx train config.yaml' })
    }
    if (args.resume && args.config === undefined && (args.epochs ?? args.seed) !== undefined) {
      throw new LipError('USAGE', 'A run is resumed with its own epochs and seed.', {
        hint: 'Leave out --epochs and --seed, or start a new run.',
      })
    }
    const read = args.config === undefined ? undefined : await readTrainingConfig(args.config)
    const config = read && {
      ...read,
      ...(args.epochs !== undefined && { epochs: args.epochs }),
      ...(args.seed !== undefined && { seed: args.seed }),
    }
    // Data first: a run folder is made only when there is something to train on.
    const load = async (data: TrainingConfig['data'], split: Split) => {
      const progress = downloadProgress(io)
      try {
        return await loadTrainingData(data, { split, dataDir: args.dataDir, env: io.env, ...progress })
      } finally {
        progress.end()
      }
    }
    const opened = args.resume ? await openRunFolder(args.out!, config, { resume: true }) : undefined
    const { data, name } = (opened?.config ?? config)!
    const trainSet = await load(data, 'train')
    const testSet = await load(data, 'test')
    const run =
      opened ?? (await openRunFolder(args.out ?? (await freeFolder(`runs/${name}`)), config, { resume: false }))
    const result = await trainWithProgress(
      {
        run,
        train: trainSet,
        test: testSet,
        resume: args.resume,
        engine: args.engine,
        backend: args.backend,
        threads: args.threads,
      },
      io,
    )
    if ('exitCode' in result) return result.exitCode
    const { exportRun } = await import('../../training/export-run.ts')
    const exported = await exportRun(run, result)
    const { chosen } = result
    io.result({ run: run.path, model: exported.path, chosen, claim: exported.claim, layers: exported.layers }, () =>
      [
        `Run folder ${run.path}`,
        ...(chosen ? [`Epoch ${chosen.epoch}: ${describeValidation(chosen)}`] : []),
        `Wrote ${exported.path}: every logit is ${exported.claim.upper.toFixed(6)}-Lipschitz by its layers' certified norms`,
      ].join('\n'),
    )
    return EXIT.pass
  },
})
