import type { Dataset, Split } from '../../data/dataset.ts'
import { LipError } from '../../errors.ts'
import type { TrainingConfig } from '../../training/config.ts'
import { downloadProgress } from '../download-progress.ts'
import { freeFolder } from '../free-folder.ts'
import type { Io } from '../io.ts'
import { shellCommand } from '../shell-command.ts'
import { stageProgress } from '../stage-progress.ts'
import { TRAINING_OPTIONS, trainWithProgress } from '../train-with-progress.ts'
import { defineVerb } from '../verb.ts'

export const demo = defineVerb({
  command: 'demo',
  summary: "deel-lip's demo 4 from nothing: data, train, export, verify, attack, and a page to look at",
  examples: [
    ['demo', 'A few epochs on Fashion-MNIST'],
    ['demo --fast', 'The whole way in under three minutes'],
    ['demo --full --out runs/demo4-full', "The notebook's 100 epochs"],
    ['demo --full --out runs/demo4-full --resume', 'Continue after an interrupt'],
  ],
  positionals: {},
  options: {
    out: { type: 'string', describe: 'Run folder', defaultDescription: 'runs/demo4' },
    fast: { type: 'boolean', conflicts: 'full', describe: 'A subset, three epochs, few attacks' },
    full: { type: 'boolean', describe: "The notebook's 100 epochs and Carlini-Wagner 6 x 8000" },
    epochs: { type: 'number', describe: 'In place of those of the chosen size' },
    seed: { type: 'number', default: 0, describe: 'Seed of everything random' },
    resume: { type: 'boolean', default: false, describe: 'Continue the run in --out' },
    'data-dir': {
      type: 'string',
      describe: 'Folder with the original files of Fashion-MNIST (else LIP_ONNX_DATA, else the cache)',
    },
    ...TRAINING_OPTIONS,
  },
  async run(args, io) {
    const { DEMO4_FAST, DEMO4_FULL, DEMO4_SHORT } = await import('../../training/demo4.ts')
    const { openRunFolder } = await import('../../training/run-folder.ts')
    if (args.resume && args.out === undefined) {
      throw new LipError('USAGE', 'To resume a run, name its folder.', { hint: 'Add --out runs/NAME.' })
    }
    const size = args.full ? DEMO4_FULL : args.fast ? DEMO4_FAST : DEMO4_SHORT
    const opened = args.resume ? await openRunFolder(args.out!, undefined, { resume: true }) : undefined
    const wanted: TrainingConfig = opened?.config ?? {
      ...size,
      seed: args.seed,
      ...(args.epochs !== undefined && { epochs: args.epochs }),
    }
    const { train, test } = await datasets(wanted, args.dataDir, io)
    const config = { ...wanted, data: { ...wanted.data, name: train.name } }
    const run =
      opened ?? (await openRunFolder(args.out ?? (await freeFolder(`runs/${size.name}`)), config, { resume: false }))

    const trained = await trainWithProgress(
      { run, train, test, resume: args.resume, engine: args.engine, backend: args.backend, threads: args.threads },
      io,
    )
    if ('exitCode' in trained) return trained.exitCode
    const { exportRun } = await import('../../training/export-run.ts')
    const { path, layers } = await exportRun(run, trained)
    for (const { node, before, after } of layers) {
      if (after < before) io.note(`${node}: certified norm ${before.toFixed(6)}, scaled to ${after.toFixed(6)}`)
    }

    const { verifyModel } = await import('../../verify/verify-model.ts')
    const stages = stageProgress(io)
    const report = await verifyModel(path, {
      dataset: train.name,
      split: 'test',
      dataDir: args.dataDir,
      env: io.env,
      ...(args.fast && { samples: config.data.testSamples }),
      maxLipschitz: config.network.kCoefLip,
      attacks: ['auto'],
      attackSamples: args.fast ? 30 : 100,
      pictureAttacks: args.fast ? [] : ['foolbox-cw'],
      seed: config.seed,
      command: shellCommand(io.argv),
      violationFolder: run.path,
      training: { runFolder: run.path, settings: { ...config, engine: trained.engine }, history: trained.history },
      note: io.note,
      onStage: stages.update,
    }).finally(stages.end)
    const { writeReport } = await import('../../report/write-report.ts')
    await writeReport(report, run.file('report.json'))
    await writeReport(report, run.file('report.html'))
    const { renderTerminal } = await import('../../report/terminal.ts')
    io.result(report, () =>
      [
        renderTerminal(report, io.colors),
        '',
        `Model   ${path}`,
        `Report  ${run.file('report.json')}`,
        `Page    ${run.file('report.html')}`,
      ].join('\n'),
    )
    return report.exitCode
  },
})

/** Fashion-MNIST where it can be had, else the built-in shapes; which one is said clearly. */
async function datasets(
  config: TrainingConfig,
  dataDir: string | undefined,
  io: Io,
): Promise<Readonly<Record<Split, Dataset>>> {
  const { loadDataset } = await import('../../data/catalogue.ts')
  const load = async (name: string, split: Split): Promise<Dataset> => {
    const progress = downloadProgress(io)
    const samples = split === 'train' ? config.data.trainSamples : config.data.testSamples
    try {
      return await loadDataset(name, { split, samples, dataDir, env: io.env, ...progress })
    } finally {
      progress.end()
    }
  }
  const both = async (name: string) => ({ train: await load(name, 'train'), test: await load(name, 'test') })
  try {
    const found = await both(config.data.name)
    io.note(`Data: ${found.train.source}`)
    return found
  } catch (error) {
    // Data that is there but broken, or a folder that was named and lacks it, is the user's to mend.
    if (!(error instanceof LipError) || error.code !== 'DATA_UNAVAILABLE' || dataDir !== undefined) throw error
    io.warn(
      `${error.message} The demo goes on with the built-in set of shapes instead: its figures are not Fashion-MNIST's.`,
    )
    return both('shapes')
  }
}
