import type { Dataset, Split } from '../../data/dataset.ts'
import { EXIT, LipError } from '../../errors.ts'
import type { Report } from '../../report/report.ts'
import { boundSentence, certificateSentence, VERDICT_WORDS } from '../../report/summary.ts'
import type { TrainingConfig } from '../../training/config.ts'
import type { RunFolder } from '../../training/run-folder.ts'
import type { TrainedNetwork } from '../../training/train.ts'
import { downloadProgress } from '../download-progress.ts'
import { freeFolder } from '../free-folder.ts'
import type { Io } from '../io.ts'
import { shellCommand } from '../shell-command.ts'
import { stageProgress } from '../stage-progress.ts'
import { describeValidation, TRAINING_OPTIONS, trainWithProgress } from '../train-with-progress.ts'
import { defineVerb } from '../verb.ts'

export const train = defineVerb({
  command: 'train [config]',
  summary: 'Train a network; leaves a run folder with checkpoints, metrics and the certified model.onnx',
  examples: [
    ['train config.yaml --out runs/first', 'Train as configured (schemas/train.schema.json)'],
    ['train --resume --out runs/first', 'Continue where it stopped, to the last bit'],
    [
      'train config.yaml --report page.html',
      'Verify and attack the model on the test split too; a page with all curves',
    ],
    ['train config.yaml --engine onnxruntime', 'Forward and backward pass in onnxruntime'],
  ],
  positionals: { config: { type: 'string', describe: 'Configuration in JSON or YAML' } },
  options: {
    out: { type: 'string', describe: 'Run folder', defaultDescription: 'runs/<name>' },
    resume: { type: 'boolean', default: false, describe: 'Continue the run in --out' },
    epochs: { type: 'number', describe: "Epochs in place of the configuration's" },
    seed: { type: 'number', describe: "Seed in place of the configuration's" },
    report: {
      type: 'string',
      array: true,
      describe: 'Verify on the test split and write a report; .json .html .xml .sarif .md (repeatable)',
    },
    'data-dir': {
      type: 'string',
      describe: 'Folder with the original files, or where `path` of the configuration starts',
    },
    ...TRAINING_OPTIONS,
  },
  async run(args, io) {
    const { checkReportPath } = await import('../../report/write-report.ts')
    for (const path of args.report ?? []) checkReportPath(path)
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
    const report = args.report && (await verifyRun(run, result, testSet, args.report, io))
    const { claim, layers } = exported
    io.result({ run: run.path, model: exported.path, chosen, claim, layers, ...(report && { report }) }, () =>
      [
        `Run folder ${run.path}`,
        ...(chosen ? [`Epoch ${chosen.epoch}: ${describeValidation(chosen)}`] : []),
        `Wrote ${exported.path}: every logit is ${exported.claim.upper.toFixed(6)}-Lipschitz by its layers' certified norms`,
        ...(report
          ? [`${VERDICT_WORDS[report.verdict]}. ${[boundSentence(report), certificateSentence(report)].join(' ')}`]
          : []),
      ].join('\n'),
    )
    return report?.exitCode ?? EXIT.pass
  },
})

/** What `verify` says of the model on the samples that the run was tested on, with the curves of its training. */
async function verifyRun(
  run: RunFolder,
  { engine, history }: TrainedNetwork,
  test: Dataset,
  paths: readonly string[],
  io: Io,
): Promise<Report> {
  const { verifyModel } = await import('../../verify/verify-model.ts')
  const { writeReport } = await import('../../report/write-report.ts')
  const { config } = run
  const { classDistance } = test
  const stages = stageProgress(io)
  const report = await verifyModel(run.file('model.onnx'), {
    data: test,
    maxLipschitz: config.network.kCoefLip,
    seed: config.seed,
    command: shellCommand(io.argv),
    violationFolder: run.path,
    training: {
      runFolder: run.path,
      settings: { ...config, engine },
      history,
      ...(classDistance !== undefined && { classDistance }),
    },
    note: io.note,
    onStage: stages.update,
  }).finally(stages.end)
  for (const path of paths) {
    await writeReport(report, path)
    io.note(`Wrote ${path}`)
  }
  return report
}
