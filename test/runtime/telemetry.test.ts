import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../../src/onnx/builder.ts'
import { encodeModel } from '../../src/onnx/write.ts'

/** What a fresh process writes into its home and into the folder for temporary files while it opens a model. */
function tracesOf(environment: Record<string, string>): string[] {
  const home = mkdtempSync(join(tmpdir(), 'home-'))
  const builder = new GraphBuilder()
  builder.node('Relu', [builder.input('x', [1, 2])], {}, { outputs: ['z'] })
  builder.output('z', [1, 2])
  const bytes = Buffer.from(encodeModel(builder.build())).toString('base64')
  const door = new URL('../../src/runtime/onnxruntime.ts', import.meta.url)
  const script = `
    const { onnxruntime } = await import(${JSON.stringify(door.href)})
    await onnxruntime().InferenceSession.create(Buffer.from('${bytes}', 'base64'))`
  // onnxruntime keeps quiet where CI is set.
  const { CI: _, ...inherited } = process.env
  const env = { ...inherited, HOME: home, TMPDIR: home, XDG_CACHE_HOME: home, ...environment }
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    env,
    encoding: 'utf8',
  })
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((name) => /mat-debug|Microsoft/.test(name))
}

describe.runIf(process.platform === 'linux')('telemetry of onnxruntime', () => {
  it('is off', () => {
    expect(tracesOf({})).toEqual([])
  })

  it('leaves traces where it is asked for, so the test above can fail', () => {
    // A proxy that nobody serves: not even the test tells anyone.
    const nowhere = { HTTPS_PROXY: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9' }
    expect(tracesOf({ ORT_DISABLE_TELEMETRY: '0', ...nowhere })).not.toEqual([])
  })
})
