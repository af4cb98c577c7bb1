import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { TrainingConfig } from '../../src/training/config.ts'
import type { Ran } from './run-bin.ts'
import { runMain } from './run-main.ts'

let folder: string
let configPath: string

const config: Partial<TrainingConfig> = {
  name: 'small',
  data: { name: 'shapes', trainSamples: 400, testSamples: 100 },
  network: {
    inputShape: [28, 28, 1],
    kCoefLip: 1,
    mode: 'strict',
    layers: [
      { className: 'ScaledL2NormPooling2D', config: { pool_size: [4, 4] } },
      { className: 'Flatten' },
      { className: 'SpectralDense', config: { units: 16, activation: { class_name: 'GroupSort', config: { n: 2 } } } },
      { className: 'FrobeniusDense', config: { units: 10, use_bias: false } },
    ],
  },
  loss: { className: 'MulticlassHKR', config: { alpha: 10, min_margin: 0.5 } },
  optimizer: { name: 'adam', learningRate: 0.01 },
  certify: { radii: [0.1, 0.5] },
  keepBest: { monitor: 'val_certified_accuracy_0.1' },
  batchSize: 20,
  epochs: 4,
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-train-'))
  configPath = join(folder, 'small.yaml')
  await writeFile(configPath, stringify(config))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs the bin and sends Ctrl-C as soon as its standard error matches. */
function interruptBin(args: readonly string[], when: RegExp): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['dist/cli/bin.js', ...args], { env: { ...process.env, NO_COLOR: '1' } })
    let stderr = ''
    let stdout = ''
    let sent = false
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      if (sent || !when.test(stderr)) return
      sent = true
      child.kill('SIGINT')
    })
    child.on('close', (code) => done({ code: code ?? -1, stdout, stderr }))
  })
}

describe('train', () => {
  it.each(['onnxruntime', 'tfjs'] as const)(
    '%s: saves on Ctrl-C, resumes to the same numbers, exports',
    async (engine) => {
      const whole = join(folder, `${engine}-whole`)
      const first = await runMain(['train', configPath, '--out', whole, '--engine', engine, '--json', '--quiet'])
      expect(first.stderr).toBe('')
      expect(first.code).toBe(0)
      const { chosen, claim } = JSON.parse(first.stdout)
      expect(claim).toEqual({ of: 'logit', upper: 1 })
      const metrics = await readFile(join(whole, 'metrics.jsonl'), 'utf8')
      const history = metrics
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4])
      expect(history).toContainEqual(chosen)
      for (const line of history) {
        expect(line['val_certified_accuracy_0.1']).toBeLessThanOrEqual(line.val_accuracy)
        expect(line['val_certified_accuracy_0.5']).toBeLessThanOrEqual(line['val_certified_accuracy_0.1'])
      }

      const cut = join(folder, `${engine}-cut`)
      const stopped = await interruptBin(['train', configPath, '--out', cut, '--engine', engine], /epoch 2\/4/)
      expect(stopped.stderr).toContain(`--resume --out ${cut}`)
      expect(stopped.code).toBe(130)
      expect(stopped.stdout).toBe('')
      expect((await readFile(join(cut, 'metrics.jsonl'), 'utf8')).split('\n').length - 1).toBeLessThan(4)
      const resumed = await runMain(['train', '--resume', '--out', cut, '--engine', engine, '--quiet'])
      expect(resumed.code).toBe(0)
      expect(await readFile(join(cut, 'metrics.jsonl'), 'utf8')).toBe(metrics)
      expect(await readFile(join(cut, 'model.onnx'))).toEqual(await readFile(join(whole, 'model.onnx')))
    },
    // Four trainings; a machine that does other things too is slow.
    300_000,
  )

  it.each([
    ['no configuration', [], 'A new run needs a configuration.'],
    ['a resume of nothing', ['--resume', '--out', 'nowhere-at-all'], "'nowhere-at-all' holds no run to resume"],
    ['a resume without a folder', ['--resume'], 'To resume a run, name its folder.'],
    ['other epochs at resume', ['--resume', '--out', 'nowhere-at-all', '--epochs', '3'], 'its own epochs and seed'],
    ['a configuration that is not there', ['none.yaml'], "The configuration 'none.yaml' cannot be read."],
  ])('ends with 4 and one sentence on %s', async (_, args, sentence) => {
    const { code, stdout, stderr } = await runMain(['train', ...args])
    expect(code).toBe(4)
    expect(stdout).toBe('')
    expect(stderr.split('\n')[0]).toContain(sentence)
    expect(stderr).not.toContain('    at ')
  })
})
