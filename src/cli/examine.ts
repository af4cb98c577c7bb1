/**
 * What `doctor` looks at.
 * @module
 */
import { constants } from 'node:fs'
import { access, mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { availableParallelism, totalmem } from 'node:os'
import { cacheFolder } from '../data/cache.ts'
import { CATALOGUE } from '../data/catalogue.ts'
import { LipError } from '../errors.ts'
import { packageVersion } from '../version.ts'

export interface Finding {
  readonly subject: string
  /** absent: optional and not there; broken: needed and not there. */
  readonly state: 'ok' | 'absent' | 'broken'
  readonly detail: string
  /** What to do about it. */
  readonly remedy?: string
}

const resolve = createRequire(import.meta.url).resolve

function installed(name: string): boolean {
  try {
    resolve(name)
    return true
  } catch {
    return false
  }
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const fine = major > 20 || (major === 20 && minor >= 19)
  return {
    subject: 'Node.js',
    state: fine ? 'ok' : 'broken',
    detail: `${process.version}, ${process.platform}/${process.arch}`,
    ...(fine ? {} : { remedy: 'Install Node.js 20.19 or later.' }),
  }
}

async function providers(): Promise<readonly Finding[]> {
  const { discoverProviders } = await import('../runtime/providers.ts')
  return discoverProviders().map(({ name, available, reason, remedy }) => ({
    subject: `onnxruntime ${name}`,
    state: available ? 'ok' : name === 'cpu' ? 'broken' : 'absent',
    detail: reason,
    ...(remedy ? { remedy } : {}),
  }))
}

function backends(): readonly Finding[] {
  const backend = (name: string, module: string, remedy: string, more = ''): Finding =>
    installed(module)
      ? { subject: `tfjs ${name}`, state: 'ok', detail: `${module} is installed${more}` }
      : { subject: `tfjs ${name}`, state: 'absent', detail: `${module} is not installed`, remedy }
  return [
    backend(
      'wasm',
      '@tensorflow/tfjs-backend-wasm',
      'npm i @tensorflow/tfjs-backend-wasm@4.22.0',
      `; training shares a batch among up to ${availableParallelism()} threads`,
    ),
    backend('cpu', '@tensorflow/tfjs-backend-cpu', 'npm i @tensorflow/tfjs-backend-cpu@4.22.0'),
    backend('tensorflow', '@tensorflow/tfjs-node', 'npm i @tensorflow/tfjs-node@4.22.0 (Node 20 or 22)'),
    backend('tensorflow (GPU)', '@tensorflow/tfjs-node-gpu', 'npm i @tensorflow/tfjs-node-gpu@4.22.0 (CUDA 11.2)'),
    {
      subject: 'tfjs webgpu',
      state: 'absent',
      detail: 'it reads results through an OffscreenCanvas, which Node.js has not',
    },
  ]
}

async function cache(env: NodeJS.ProcessEnv): Promise<Finding> {
  const folder = cacheFolder(env)
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return { subject: 'cache', state: 'ok', detail: folder }
  } catch {
    return {
      subject: 'cache',
      state: 'absent',
      detail: `${folder} cannot be written`,
      remedy: 'Set LIP_ONNX_CACHE to a folder that can.',
    }
  }
}

async function datasets(env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  return Promise.all(
    CATALOGUE.map(async (set): Promise<Finding> => {
      const subject = `data ${set.name}`
      try {
        const { source } = await set.load({ split: 'test', samples: 1, offline: true, env })
        return { subject, state: 'ok', detail: source }
      } catch (error) {
        if (!(error instanceof LipError)) throw error
        return { subject, state: 'absent', detail: error.message, ...(error.hint ? { remedy: error.hint } : {}) }
      }
    }),
  )
}

/** Everything that lip-onnx may need on this machine, with its state. */
export async function examine(env: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  return [
    { subject: 'lip-onnx', state: 'ok', detail: packageVersion() },
    node(),
    {
      subject: 'machine',
      state: 'ok',
      detail: `${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB of memory`,
    },
    ...(await providers()),
    ...backends(),
    await cache(env),
    ...(await datasets(env)),
  ]
}
