import { EXIT, LipError } from '../../errors.ts'
import { parseParameters } from '../attack-parameters.ts'
import { DATA_OPTIONS, sampleSource } from '../data-options.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
import { shellCommand } from '../shell-command.ts'
import { stageProgress } from '../stage-progress.ts'
import { defineVerb } from '../verb.ts'

export const attack = defineVerb({
  command: 'attack <model>',
  summary: 'Look for adversarials: attacks alone, no proof',
  examples: [
    [
      'attack model.onnx --dataset fashion-mnist --samples 100',
      'Minimal-norm adversarials of the first 100 test images',
    ],
    [
      'attack model.onnx --dataset mnist --attack pgd --attack deep-fool --epsilon 0.5,1,1.5',
      'Robust accuracy at three radii',
    ],
    ['attack model.onnx --dataset mnist --epsilon 0.5,1 --report attack.html', 'A page with pictures and curves'],
    ['attack model.onnx --inputs x.npy --labels y.npy --save-adversarials out', 'Keep what is found as .npy'],
  ],
  positionals: { model: { type: 'string', demandOption: true, describe: 'ONNX file' } },
  options: {
    ...DATA_OPTIONS,
    samples: { type: 'number', default: 100, describe: 'The first so many samples' },
    attack: { type: 'string', array: true, default: ['auto'], describe: 'Attack (repeatable); `--list` names them' },
    list: { type: 'boolean', default: false, describe: 'List the attacks with their parameters' },
    set: { type: 'string', array: true, describe: 'Parameter of the attack: NAME=VALUE (repeatable)' },
    epsilon: { type: 'string', describe: 'Radii for the table of robust accuracy: 0.5,1,1.5' },
    batch: { type: 'number', describe: 'Samples in flight at once; results do not depend on it' },
    'time-budget': { type: 'number', describe: 'Seconds; what was found by then is kept' },
    'check-masking': {
      type: 'boolean',
      default: false,
      describe:
        'Look for signs of gradient masking on the first 20 samples: weaker attacks must not find nearer points',
    },
    'save-adversarials': { type: 'string', describe: 'Folder for adversarials.npy, indices.npy, labels.npy' },
    report: { type: 'string', array: true, describe: 'File to write; .json .html .md (repeatable)' },
    ...INPUT_SHAPE,
  },
  async run(args, io) {
    const { ATTACKS } = await import('../../attacks/index.ts')
    const { renderAttacks } = await import('../../report/attack-text.ts')
    const { checkReportPath, writeReport } = await import('../../report/write-report.ts')
    const { attackModel } = await import('../../verify/attack-model.ts')
    const { namesData } = await import('../../verify/samples.ts')
    if (args.list) {
      const known = [...ATTACKS.values()].map(({ name, norm, access, goal, defaults }) => ({
        name,
        norm,
        access,
        goal,
        defaults,
      }))
      io.result(known, () =>
        known
          .map(({ name, norm, access, goal, defaults }) => {
            const parameters = Object.entries(defaults).map(([key, value]) => `${key}=${value}`)
            return `${io.colors.bold(name)}  ${norm}, ${access}, ${goal}\n    ${parameters.join(' ')}`
          })
          .join('\n'),
      )
      return EXIT.pass
    }
    for (const name of args.attack) {
      if (ATTACKS.has(name)) continue
      throw new LipError('USAGE', `There is no attack named '${name}'.`, {
        hint: `There are ${[...ATTACKS.keys()].join(', ')}.`,
      })
    }
    for (const path of args.report ?? []) checkReportPath(path, 'attack')
    const { source, end } = sampleSource(args, io)
    if (!namesData(source))
      throw new LipError('USAGE', 'An attack needs data.', { hint: 'Give --dataset NAME, or --inputs and --labels.' })
    const signal = io.interruptible()
    const stages = stageProgress(io)
    const report = await attackModel(args.model, {
      ...source,
      attacks: args.attack,
      parameters: parseParameters(args.set),
      radii: parseRadii(args.epsilon),
      seed: args.seed,
      batch: args.batch,
      provider: args.provider,
      inputShapes: parseInputShapes(args.inputShape),
      timeBudget: args.timeBudget,
      checkMasking: args.checkMasking,
      saveAdversarials: args.saveAdversarials,
      signal,
      command: shellCommand(io.argv),
      note(text) {
        end()
        io.note(text)
      },
      onAttackProgress: (name, done, total, distance) =>
        stages.update(name, done, total, distance === null ? 'none' : `distance ${distance.toFixed(4)}`),
    }).finally(() => {
      stages.end()
      end()
    })
    if (args.saveAdversarials !== undefined) io.note(`Wrote the adversarials to ${args.saveAdversarials}`)
    for (const path of args.report ?? []) {
      await writeReport(report, path)
      io.note(`Wrote ${path}`)
    }
    io.result(report, () => renderAttacks(report, io.colors))
    if (signal.aborted) return EXIT.interrupted
    return report.complete ? EXIT.pass : EXIT.timeBudget
  },
})

function parseRadii(text: string | undefined): readonly number[] {
  if (text === undefined) return []
  const radii = text.split(',').map(Number)
  if (radii.every((radius) => Number.isFinite(radius) && radius > 0)) return radii
  throw new LipError('USAGE', `--epsilon '${text}' is not a list of positive numbers such as 0.5,1,1.5.`)
}
