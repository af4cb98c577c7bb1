import { EXIT, LipError } from '../../errors.ts'
import { parseParameters } from '../attack-parameters.ts'
import { DATA_OPTIONS, parseRange, sampleSource } from '../data-options.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
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
      'attack model.onnx --dataset mnist --attack pgd --attack deepfool --epsilon 0.5,1,1.5',
      'Robust accuracy at three radii',
    ],
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
    'save-adversarials': { type: 'string', describe: 'Folder for adversarials.npy, indices.npy, labels.npy' },
    ...INPUT_SHAPE,
  },
  async run(args, io) {
    const { ATTACKS, openVictim } = await import('../../attacks/index.ts')
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
    const { readModel } = await import('../../onnx/read.ts')
    const { loadSamples, namesData } = await import('../../verify/samples.ts')
    const { attackOutcome } = await import('../../verify/attack-outcome.ts')
    const { runAttacks } = await import('../../verify/run-attacks.ts')
    const { source, end } = sampleSource(args, io)
    if (!namesData(source))
      throw new LipError('USAGE', 'An attack needs data.', { hint: 'Give --dataset NAME, or --inputs and --labels.' })
    const radii = parseRadii(args.epsilon)
    const parameters = parseParameters(args.set)
    const signal = io.interruptible()
    const deadline = args.timeBudget === undefined ? undefined : performance.now() + 1000 * args.timeBudget
    const [low, high] = args.inputRange === undefined ? [0, 1] : parseRange(args.inputRange)
    const loaded = await readModel(args.model)
    const victim = await openVictim(loaded, {
      provider: args.provider,
      box: { low, high },
      inputShapes: parseInputShapes(args.inputShape),
    })
    try {
      const samples = await loadSamples(source, victim.domain.dims, victim.domain.classes)
      end()
      io.note(`Attacking ${samples.indices.length} samples on ${victim.provider} (${victim.reason}).`)
      const stages = stageProgress(io)
      const outcomes = await runAttacks(victim, samples, {
        names: args.attack,
        parameters,
        seed: args.seed,
        ...(args.batch !== undefined && { batch: args.batch }),
        indices: samples.indices,
        signal,
        deadline,
        onProgress: (name, done, total, distance) =>
          stages.update(name, done, total, distance === null ? 'none' : `distance ${distance.toFixed(4)}`),
      }).finally(stages.end)
      const found = attackOutcome(outcomes, args.attack.length, samples, radii)
      if (args.saveAdversarials !== undefined) {
        const { saveAdversarials } = await import('../../verify/save-adversarials.ts')
        await saveAdversarials(args.saveAdversarials, outcomes, samples)
        io.note(`Wrote the adversarials to ${args.saveAdversarials}`)
      }
      const { renderAttacks } = await import('../../report/attack-text.ts')
      io.result(
        { model: args.model, sha256: loaded.sha256, provider: victim.provider, seed: args.seed, ...found },
        () => renderAttacks(found, io.colors),
      )
      if (signal.aborted) return EXIT.interrupted
      return found.complete ? EXIT.pass : EXIT.timeBudget
    } finally {
      await victim.release()
    }
  },
})

function parseRadii(text: string | undefined): readonly number[] {
  if (text === undefined) return []
  const radii = text.split(',').map(Number)
  if (radii.every((radius) => Number.isFinite(radius) && radius > 0)) return radii
  throw new LipError('USAGE', `--epsilon '${text}' is not a list of positive numbers such as 0.5,1,1.5.`)
}
