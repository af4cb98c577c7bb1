import { dirname, resolve } from 'node:path'
import { LipError } from '../../errors.ts'
import type { Analysis } from '../../lipschitz/analyse.ts'
import { DATA_OPTIONS, sampleSource } from '../data-options.ts'
import { INPUT_SHAPE, parseInputShapes } from '../input-shapes.ts'
import { refuseInputs } from '../refuse-inputs.ts'
import { shellCommand } from '../shell-command.ts'
import { stageProgress } from '../stage-progress.ts'
import { defineVerb } from '../verb.ts'

export const verify = defineVerb({
  command: 'verify <model>',
  summary: 'Prove the Lipschitz bound of an ONNX file; with data, certify and attack',
  examples: [
    ['verify model.onnx', 'Is every output 1-Lipschitz? Exit code 0 says proved, 1 disproved, 2 neither'],
    ['verify model.onnx --dataset fashion-mnist --report report.html', 'Certificates, attacks, and a page to look at'],
    ['verify model.onnx --inputs x.npy --labels y.npy --input-range=-1,1', 'The same on your own data'],
    ['verify model.onnx --max-lipschitz 2 --of pair --max-layer 1', 'Other limits'],
    ['verify model.onnx --explain conv1', 'Why a node has the constant that it has'],
  ],
  positionals: { model: { type: 'string', demandOption: true, describe: 'ONNX file' } },
  options: {
    'max-lipschitz': { type: 'string', describe: 'Limit of the Lipschitz constant (L2)', defaultDescription: '1' },
    of: {
      choices: ['logit', 'features', 'joint', 'pair'],
      describe: 'What the limit is about; logit = every single output',
      defaultDescription: 'logit',
    },
    'max-layer': { type: 'string', describe: 'Limit of the norm of every linear layer' },
    ...DATA_OPTIONS,
    attack: {
      type: 'string',
      array: true,
      describe: 'none, auto, thorough, or an attack by name (repeatable)',
      defaultDescription: 'auto',
    },
    'attack-samples': { type: 'number', default: 100, describe: 'How many samples to attack' },
    policy: { type: 'string', describe: 'File with limits (schemas/policy.schema.json)' },
    report: { type: 'string', array: true, describe: 'File to write; .json .html .xml .sarif .md (repeatable)' },
    explain: { type: 'string', describe: 'Print the argument about one node' },
    'time-budget': { type: 'number', describe: 'Seconds; exit code 3 when used up' },
    ...INPUT_SHAPE,
  },
  async run(args, io) {
    const { renderTerminal } = await import('../../report/terminal.ts')
    const { checkReportPath, writeReport } = await import('../../report/write-report.ts')
    const { readPolicy } = await import('../../gate/policy.ts')
    const { verifyModel } = await import('../../verify/verify-model.ts')
    for (const path of args.report ?? []) checkReportPath(path)
    // A baseline that is replaced by what it judges would let anything pass the second time.
    const { baseline } = args.policy === undefined ? {} : await readPolicy(args.policy)
    const accepted = baseline && resolve(dirname(args.policy!), baseline.file)
    await refuseInputs(args.report ?? [], [args.model, args.policy, accepted, args.inputs, args.labels, args.dataset])
    const names = args.attack?.flatMap((name) => (name === 'none' ? [] : [name]))
    if (names && names.length > 0) {
      const { ATTACKS } = await import('../../attacks/index.ts')
      for (const name of names) {
        if (ATTACKS.has(name)) continue
        throw new LipError('USAGE', `There is no attack named '${name}'.`, {
          hint: `There are none, ${[...ATTACKS.keys()].join(', ')}.`,
        })
      }
    }
    const { source, end } = sampleSource(args, io)
    const stages = stageProgress(io)
    let analysis: Analysis | undefined
    const report = await verifyModel(args.model, {
      ...source,
      of: args.of,
      maxLipschitz: args.maxLipschitz,
      maxLayer: args.maxLayer,
      policyPath: args.policy,
      provider: args.provider,
      inputShapes: parseInputShapes(args.inputShape),
      attacks: names,
      attackSamples: args.attackSamples,
      seed: args.seed,
      timeBudget: args.timeBudget,
      command: shellCommand(io.argv),
      violationFolder: dirname(args.report?.[0] ?? ''),
      note: io.note,
      onAnalysis(found) {
        analysis = found
        if (args.explain !== undefined) checkNode(found, args.explain)
      },
      onStage: stages.update,
    }).finally(() => {
      stages.end()
      end()
    })
    for (const path of args.report ?? []) {
      await writeReport(report, path)
      io.note(`Wrote ${path}`)
    }
    if (args.explain !== undefined) {
      const { explain } = await import('../../lipschitz/explain.ts')
      const { renderExplanation } = await import('../../report/explanation.ts')
      const node = args.explain
      const found = explain(analysis!, node)
      const refused = report.coverage.refused.find(({ name }) => name === node)
      const layer = report.layers.find(({ name }) => name === node)
      io.result({ node, ...found, layer, refused }, () => renderExplanation({ node, ...found, layer, refused }))
      return report.exitCode
    }
    io.result(report, () => renderTerminal(report, io.colors))
    return report.exitCode
  },
})

/** Said as soon as the nodes are known, before samples are run. */
function checkNode({ program, coverage }: Analysis, node: string): void {
  if (program.nodes.some(({ site }) => site.node.name === node)) return
  if (coverage.refused.some(({ name }) => name === node)) return
  throw new LipError('USAGE', `The proof has no node '${node}'.`, { hint: '`lip-onnx inspect` lists the nodes.' })
}
