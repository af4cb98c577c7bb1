import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// Worker threads load compiled files, so this test compiles the norms into a folder of its own inside the project (where
// node_modules is found) and runs them there.
const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, 'node_modules', '.cache', `lip-onnx-workers-${process.pid}`)

describe('encloseAll on worker threads', () => {
  beforeAll(() => {
    mkdirSync(folder, { recursive: true })
    const config = {
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: {
        outDir: join(folder, 'dist'),
        rootDir: join(root, 'src'),
        declaration: false,
        noEmitOnError: false,
      },
      include: [],
      files: [join(root, 'src/lipschitz/norms/index.ts'), join(root, 'src/lipschitz/norms/worker.ts')],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { stdio: 'pipe' })
    writeFileSync(
      join(folder, 'main.js'),
      `import { encloseAll } from './dist/lipschitz/norms/index.js'
       const kernel = (n, k) => Float64Array.from({ length: n }, (_, i) => Math.fround(Math.sin(1 + i * k) / 3))
       const convolution = (channels, size, k) => ({
         kind: 'convolution',
         weights: { type: 'float32', dims: [channels, channels, 3, 3], data: kernel(channels * channels * 9, k) },
         groups: 1, strides: [1, 1], dilations: [1, 1], padsBegin: [1, 1], padsEnd: [1, 1], spatial: [size, size],
         transposed: false,
       })
       const structures = [convolution(16, 12, 1.7), convolution(20, 8, 2.3), convolution(16, 10, 0.9),
         { kind: 'matrix', matrix: { type: 'float32', dims: [130, 200], data: kernel(26000, 3.1) } },
         { kind: 'diagonal', scale: { type: 'float32', dims: [2], data: Float64Array.of(1, -2) } }]
       let started = 0
       process.on('worker', () => started++)
       const results = []
       const threads = []
       for (const workers of [0, 1, 2, 3]) {
         started = 0
         results.push(await encloseAll(structures, { workers, worthAThread: 1e7 }))
         threads.push(started)
       }
       // A single dear structure has a thread of its own, beside which this one works; a cheap one has none.
       for (const few of [structures.slice(2), structures.slice(3)]) {
         started = 0
         await encloseAll(few, { workers: 2, worthAThread: 1e7 })
         threads.push(started)
       }
       console.log(JSON.stringify({ results, threads }))`,
    )
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('gives the same results for any number of threads', { timeout: 300_000 }, () => {
    expect(existsSync(join(folder, 'dist/lipschitz/norms/worker.js'))).toBe(true)
    const output = execFileSync(process.execPath, [join(folder, 'main.js')], { encoding: 'utf8' })
    const { results, threads } = JSON.parse(output)
    expect(threads).toEqual([0, 0, 2, 3, 1, 0])
    expect(results).toHaveLength(4)
    expect(results[0]).toHaveLength(5)
    for (const result of results) expect(result).toEqual(results[0])
    for (const { lower, upper } of results[0]) {
      expect(lower).toBeGreaterThan(0)
      expect(upper).toBeGreaterThanOrEqual(lower)
      expect(upper / lower).toBeLessThan(1.02)
    }
  })

  it('reports an error of a worker as an error', { timeout: 300_000 }, () => {
    writeFileSync(
      join(folder, 'broken.js'),
      `import { encloseAll } from './dist/lipschitz/norms/index.js'
       const matrix = () => ({ kind: 'matrix', matrix: { type: 'float32', dims: [250, 250, 1], data: new Float64Array(62500).fill(1) } })
       await encloseAll([matrix(), matrix()], { workers: 2, worthAThread: 1e7 }).then(
         () => console.log('no error'),
         (error) => console.log('error: ' + error.message),
       )`,
    )
    const output = execFileSync(process.execPath, [join(folder, 'broken.js')], { encoding: 'utf8' })
    expect(output).toMatch(/^error: A matrix of rank 3/)
  })
})
