import { join } from 'node:path'
import envPaths from 'env-paths'

/** The folder where downloads are kept: LIP_ONNX_CACHE, else the user's cache folder as the platform defines it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.LIP_ONNX_CACHE || envPaths('lip-onnx', { suffix: '' }).cache
}

/** Where the files of one dataset are kept. */
export function datasetCache(name: string, env: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(env), 'data', name)
}
