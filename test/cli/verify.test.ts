import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeNpy } from '../../src/data/npy.ts'
import { encodeModel, writeModel } from '../../src/onnx/write.ts'
import { smallModel } from '../verify/small-models.ts'
import { runBin } from './run-bin.ts'
import { runMain } from './run-main.ts'

let folder: string
const at = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lip-onnx-cli-'))
  await writeModel(smallModel({ claims: true }), at('good.onnx'))
  await writeModel(smallModel({ claims: true, scale: 1.05 }), at('scaled.onnx'))
  await writeModel(smallModel({ custom: true }), at('custom.onnx'))
  const bytes = encodeModel(smallModel())
  await writeFile(at('cut.onnx'), bytes.subarray(0, bytes.length / 2))
  await writeFile(at('text.onnx'), 'this is no model')
  await writeFile(at('empty.onnx'), '')
  await writeFile(at('x.npy'), encodeNpy(new Float32Array(2 * 784).fill(0.5), [2, 1, 28, 28]))
  await writeFile(at('x-other.npy'), encodeNpy(new Float32Array(2 * 64), [2, 1, 8, 8]))
  await writeFile(at('y.npy'), encodeNpy(Int32Array.of(1, 2), [2]))
  await writeFile(at('y3.npy'), encodeNpy(Int32Array.of(1, 2, 3), [3]))
  await writeFile(at('y-wild.npy'), encodeNpy(Int32Array.of(1, 77), [2]))
  await mkdir(at('corrupt'))
  await writeFile(at('corrupt/t10k-images-idx3-ubyte.gz'), gzipSync(Buffer.alloc(5000)).subarray(0, 20))
  await writeFile(at('corrupt/t10k-labels-idx1-ubyte.gz'), gzipSync(Buffer.alloc(5000)).subarray(0, 20))
  await mkdir(at('void'))
  await writeFile(
    at('void/t10k-images-idx3-ubyte.gz'),
    gzipSync(Buffer.from([0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 28, 0, 0, 0, 28])),
  )
  await writeFile(at('void/t10k-labels-idx1-ubyte.gz'), gzipSync(Buffer.from([0, 0, 8, 1, 0, 0, 0, 0])))
  await writeFile(at('policy-wrong.json'), '{"lipshitz": {"max": 1}}')
  await writeFile(at('policy.json'), '{"lipschitz": {"max": 1}}')
  await writeFile(at('policy-lost.json'), '{"baseline": {"file": "lost.json"}}')
  await symlink(at('policy.json'), at('link.json'))
  await writeModel(smallModel(), at('model.json'))
})

describe('verify', () => {
  it.each([
    ['what is proved', ['good.onnx'], 0],
    ['a disproved claim', ['scaled.onnx'], 1],
    ['a disproved limit of a layer', ['good.onnx', '--max-layer', '0.9'], 1],
    ['an unknown node', ['custom.onnx'], 2],
    ['a used-up time budget', ['good.onnx', '--dataset', 'shapes', '--samples', '5', '--time-budget', '0.000001'], 3],
  ])('ends %s as it must', async (_, [model, ...flags], expected) => {
    const { code, stdout, stderr } = await runMain(['verify', at(model!), ...flags])
    expect([code, stderr]).toEqual([expected, expect.not.stringContaining('    at ')])
    expect(stdout.trim().split('\n').at(-1)).toMatch(/^(PASS|VIOLATED|INCONCLUSIVE|OUT OF TIME) /)
  })

  it.each([
    ['a file that is not there', ['nowhere.onnx'], /does not exist/],
    ['a cut file', ['cut.onnx'], /./],
    ['a text', ['text.onnx'], /not an ONNX model|./],
    ['an empty file', ['empty.onnx'], /./],
    ['labels of another number', ['good.onnx', '--inputs', 'x.npy', '--labels', 'y3.npy'], /3 labels for 2 inputs/],
    [
      'inputs of another shape',
      ['good.onnx', '--inputs', 'x-other.npy', '--labels', 'y.npy'],
      /1x8x8, but the model takes 1x28x28/,
    ],
    ['labels that are no class', ['good.onnx', '--inputs', 'x.npy', '--labels', 'y-wild.npy'], /Label 77/],
    ['inputs without labels', ['good.onnx', '--inputs', 'x.npy'], /go together/],
    ['corrupt gzip', ['good.onnx', '--dataset', 'mnist', '--data-dir', 'corrupt'], /gzip file .* ends too early/],
    ['an empty dataset', ['good.onnx', '--dataset', 'mnist', '--data-dir', 'void'], /no samples/],
    ['an unknown dataset', ['good.onnx', '--dataset', 'imagenet'], /no dataset 'imagenet'/],
    ['no samples', ['good.onnx', '--dataset', 'shapes', '--samples', '0'], /--samples must be/],
    ['an unknown flag', ['good.onnx', '--max-lipshitz', '1'], /no option '--max-lipshitz'/],
    ['a limit that is no number', ['good.onnx', '--max-lipschitz', 'one'], /--max-lipschitz must be a positive number/],
    ['an unknown attack', ['good.onnx', '--dataset', 'shapes', '--attack', 'hammer'], /no attack named 'hammer'/],
    ['an empty range', ['good.onnx', '--dataset', 'shapes', '--input-range', '1,0'], /--input-range '1,0'/],
    ['a shard that is none', ['good.onnx', '--dataset', 'shapes', '--shard', '3/2'], /--shard '3\/2'/],
    ['a policy with an unknown key', ['good.onnx', '--policy', 'policy-wrong.json'], /no key 'lipshitz'/],
    ['a report of no known format', ['good.onnx', '--report', 'report.pdf'], /one of the endings/],
    ['a folder that cannot be written', ['good.onnx', '--report', 'good.onnx/report.json'], /cannot be written/],
    ['a node that is not there', ['good.onnx', '--explain', 'conv9'], /no node 'conv9'/],
    ['no sample to attack', ['good.onnx', '--dataset', 'shapes', '--attack-samples', '0'], /--attack-samples must be/],
    [
      'half a sample to attack',
      ['good.onnx', '--dataset', 'shapes', '--attack-samples', '.5'],
      /--attack-samples must/,
    ],
    ['a baseline that is not there', ['good.onnx', '--policy', 'policy-lost.json'], /lost.json' cannot be read/],
    [
      'a report in place of the baseline',
      ['good.onnx', '--policy', 'policy-lost.json', '--report', 'lost.json'],
      /written over an input/,
    ],
    ['a report in place of the model', ['model.json', '--report', 'model.json'], /written over an input/],
    [
      'a report in place of the policy, through a link',
      ['good.onnx', '--policy', 'policy.json', '--report', 'link.json'],
      /written over an input/,
    ],
  ])('ends with 4 and one sentence on %s', async (_, [model, ...rest], sentence) => {
    const flags = rest.map((word) => (/\.(npy|json|pdf)$|^(corrupt|void)$/.test(word) ? at(word) : word))
    const { code, stdout, stderr } = await runMain(['verify', at(model!), '--quiet', ...flags])
    expect([code, stderr]).toEqual([4, expect.stringMatching(sentence)])
    expect(stdout).toBe('')
    expect(stderr).not.toContain('    at ')
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  })

  it('prints exactly one JSON document with --json and says nothing with --quiet', async () => {
    // A process of its own: nothing of onnxruntime or the workers may reach the streams.
    const { code, stdout, stderr } = await runBin([
      'verify',
      at('good.onnx'),
      '--json',
      '--quiet',
      '--dataset',
      'shapes',
      '--samples',
      '20',
      '--attack-samples',
      '3',
    ])
    expect(stderr).toBe('')
    const report = JSON.parse(stdout)
    expect(report.exitCode).toBe(code)
    expect(report.command).toContain('--dataset shapes')
    expect(report.attacks[0].samples.length).toBeGreaterThanOrEqual(3)
  })

  it('writes every format, and `report` renders it again with the same exit code', async () => {
    const formats = ['json', 'html', 'xml', 'sarif', 'md']
    const { code } = await runMain([
      'verify',
      at('scaled.onnx'),
      '--quiet',
      ...formats.flatMap((ending) => ['--report', at(`out/r.${ending}`)]),
    ])
    expect(code).toBe(1)
    for (const ending of formats) expect(existsSync(at(`out/r.${ending}`))).toBe(true)
    const shown = await runMain(['report', at('out/r.json')])
    expect(shown.code).toBe(1)
    expect(shown.stdout).toContain('VIOLATED')
    const again = await runMain(['report', at('out/r.json'), '--report', at('out/again.html')])
    expect(again.code).toBe(0)
    expect(await readFile(at('out/again.html'), 'utf8')).toBe(await readFile(at('out/r.html'), 'utf8'))
    await writeFile(at('out/not.json'), '{"verdict": "pass"}')
    expect((await runMain(['report', at('out/not.json')])).code).toBe(4)
    const tampered = { ...JSON.parse(await readFile(at('out/r.json'), 'utf8')), verdict: 'pass', exitCode: 0 }
    await writeFile(at('out/tampered.json'), JSON.stringify(tampered))
    const refused = await runMain(['report', at('out/tampered.json'), '--report', at('out/tampered.html')])
    expect([refused.code, refused.stderr]).toEqual([4, expect.stringMatching(/contradicts itself/)])
    expect(existsSync(at('out/tampered.html'))).toBe(false)
  })

  it('is the exit code of the process', async () => {
    expect((await runBin(['verify', at('scaled.onnx')])).code).toBe(1)
  })

  it('explains a node', async () => {
    const { code, stdout } = await runMain(['verify', at('good.onnx'), '--quiet', '--explain', 'conv1'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/conv1.*\n +constant +\d/)
    expect(stdout).toMatch(/norm +in \[0\.99/)
    for (const line of stdout.split('\n')) expect([line, line.length <= 80]).toEqual([line, true])
  })
})

describe('inspect', () => {
  it('lists rules, and ends with 2 where one is missing', async () => {
    const good = await runMain(['inspect', at('good.onnx')])
    expect(good.code).toBe(0)
    expect(good.stdout).toMatch(/Conv\s+conv1\s+1x4x14x14\s+affine/)
    const custom = await runMain(['inspect', at('custom.onnx'), '--json'])
    expect(custom.code).toBe(2)
    expect(JSON.parse(custom.stdout).coverage.refused).toMatchObject([{ name: 'odd', op: 'Mystery' }])
  })

  it('keeps to 80 columns, each reason once', async () => {
    const { stdout } = await runMain(['inspect', at('good.onnx')])
    // The path is as long as it is.
    for (const line of stdout.split('\n').slice(1)) expect([line, line.length <= 80]).toEqual([line, true])
    expect(stdout).toMatch(/Why\n/)
    const [, why] = stdout.split('Why\n')
    expect(new Set(why!.match(/^ {2}\S.*$/gm)).size).toBe(why!.match(/^ {2}\S.*$/gm)!.length)
    const parsed = JSON.parse((await runMain(['inspect', at('good.onnx'), '--json'])).stdout)
    const max = parsed.nodes.find(({ constant }: { constant?: number }) => constant !== undefined)
    expect(max === undefined || !/^[\d.]+:/.test(max.because)).toBe(true)
  })

  it.each(['0', '-1', '1.5'])('a batch of %s is none', async (batch) => {
    const { code, stderr } = await runMain(['inspect', at('good.onnx'), `--batch=${batch}`])
    expect([code, stderr]).toEqual([4, expect.stringMatching(/--batch must be a positive whole number/)])
  })
})

describe('gradient', () => {
  it('writes a graph that inspect reads', async () => {
    const { code, stdout } = await runMain(['gradient', at('good.onnx'), '-o', at('grad.onnx')])
    expect(code).toBe(0)
    expect(stdout).toContain('gradient/x')
    expect((await runMain(['inspect', at('grad.onnx'), '--json'])).code).toBe(0)
  })
})

describe('attack', () => {
  it('finds adversarials and saves them', async () => {
    const { code, stdout } = await runMain([
      'attack',
      at('good.onnx'),
      '--dataset',
      'shapes',
      '--samples',
      '12',
      '--json',
      '--quiet',
      '--epsilon',
      '0.001,100',
      '--save-adversarials',
      at('adv'),
    ])
    expect(code).toBe(0)
    const found = JSON.parse(stdout)
    const correct = found.best.filter((sample: { distance: number }) => sample.distance !== 0).length
    expect(found.robustAccuracy['0.001']).toBeCloseTo(correct / 12)
    expect(found.robustAccuracy['100']).toBe(0)
    expect(existsSync(at('adv/adversarials.npy'))).toBe(true)
  })

  it.skipIf(process.platform === 'win32')('keeps what it has on Ctrl-C and ends with 130', async () => {
    const child = spawn(
      process.execPath,
      [
        'dist/cli/bin.js',
        'attack',
        at('good.onnx'),
        '--dataset',
        'shapes',
        '--samples',
        '2000',
        '--attack',
        'thorough',
      ],
      {
        env: { ...process.env, NO_COLOR: '1' },
      },
    )
    let stderr = ''
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    const started = new Promise<void>((done) => {
      child.stderr.on('data', (chunk) => {
        stderr += chunk
        if (stderr.includes('Attacking')) done()
      })
    })
    const ended = new Promise<number | null>((done) => child.on('exit', done))
    await started
    await new Promise((done) => setTimeout(done, 1500))
    child.kill('SIGINT')
    expect(await ended).toBe(130)
    expect(stderr).toContain('Interrupted')
    expect(stdout).toContain('Cut short')
  })
})
