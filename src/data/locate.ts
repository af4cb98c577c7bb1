import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { datasetCache } from './cache.ts'

export interface Located {
  readonly folder: string
  /** One path a file, in the order asked for. */
  readonly paths: readonly string[]
  /** Which setting led here. */
  readonly origin: '--data-dir' | 'LIP_ONNX_DATA' | 'cache'
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true
}

/** The files in one folder, each under one of its names; undefined unless all are there. */
async function inFolder(folder: string, files: readonly (readonly string[])[]): Promise<readonly string[] | undefined> {
  const found = await Promise.all(
    files.map(async (names) => {
      for (const name of names) if (await isFile(join(folder, name))) return join(folder, name)
      return undefined
    }),
  )
  return found.every((path) => path !== undefined) ? (found as string[]) : undefined
}

/**
 * Finds the original files of a dataset: in `--data-dir`, else in LIP_ONNX_DATA, else in the cache. A folder may hold the
 * files directly or in a subfolder named after the dataset (looked at first: MNIST and Fashion-MNIST share their file names).
 *
 * @param files for each file the names it may go by, best first
 * @returns undefined when they are nowhere and may be downloaded
 * @throws LipError DATA_UNAVAILABLE when `--data-dir` was given and does not hold them: another copy would be a surprise.
 */
export async function locate(
  name: string,
  files: readonly (readonly string[])[],
  options: {
    readonly dataDir?: string | undefined
    readonly subfolders?: readonly string[]
    readonly env?: NodeJS.ProcessEnv
  } = {},
): Promise<Located | undefined> {
  const env = options.env ?? process.env
  const subfolders = [name, ...(options.subfolders ?? [])]
  const search = async (root: string, origin: Located['origin']): Promise<Located | undefined> => {
    for (const folder of [...subfolders.map((sub) => join(root, sub)), root]) {
      const paths = await inFolder(folder, files)
      if (paths) return { folder, paths, origin }
    }
    return undefined
  }
  if (options.dataDir !== undefined) {
    const found = await search(options.dataDir, '--data-dir')
    if (found) return found
    const wanted = files.map((names) => names[0]).join(', ')
    throw new LipError(
      'DATA_UNAVAILABLE',
      `'${options.dataDir}' does not hold ${name}: ${wanted} are due there or in its subfolder '${name}'.`,
      {
        hint: `Leave --data-dir away to use the cache, which \`lip-onnx data ${name}\` fills.`,
      },
    )
  }
  const local = env.LIP_ONNX_DATA ? await search(env.LIP_ONNX_DATA, 'LIP_ONNX_DATA') : undefined
  if (local) return local
  const folder = datasetCache(name, env)
  const paths = await inFolder(folder, files)
  return paths && { folder, paths, origin: 'cache' }
}
