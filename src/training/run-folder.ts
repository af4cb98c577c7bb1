import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { writeAtomically } from '../write-atomically.ts'
import { checkConfig } from './check-config.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import type { TrainingConfig } from './config.ts'

/** Where a run keeps what it makes: config.json, metrics.jsonl, checkpoints/, and what export and verify add. */
export interface RunFolder {
  readonly path: string
  readonly config: TrainingConfig
  /**
   * Makes the folder and writes config.json, when there is something to train on: a run that cannot start leaves no trace.
   * @throws LipError FILE_NOT_WRITABLE
   */
  begin(): Promise<void>
  /** Writes checkpoints/latest.npz and metrics.jsonl; with `best`, checkpoints/best.npz first. */
  writeEpoch(checkpoint: Checkpoint, options?: { readonly best: boolean }): Promise<void>
  /** The latest checkpoint, or undefined when the run has not got that far. */
  latest(): Promise<Checkpoint | undefined>
  /** That of the best epoch, where the configuration keeps it. */
  best(): Promise<Checkpoint | undefined>
  file(name: string): string
}

/**
 * Claims a folder for a new run (`begin` makes it), or opens it again to resume.
 *
 * @throws LipError FILE_EXISTS when the folder holds a run and `resume` is not set, FILE_NOT_FOUND when there is none to resume,
 * CONFIG_INVALID when the run was started with other settings or they are not valid
 */
export async function openRunFolder(
  path: string,
  given: TrainingConfig | undefined,
  options: { readonly resume: boolean },
): Promise<RunFolder> {
  const file = (name: string) => join(path, name)
  const config = given && (await checkConfig(given, 'given'))
  const existing = await readFile(file('config.json'), 'utf8').catch(() => undefined)
  if (options.resume) {
    if (existing === undefined) {
      throw new LipError('FILE_NOT_FOUND', `'${path}' holds no run to resume (no config.json).`, {
        hint: 'Leave out --resume to start one.',
      })
    }
    const stored = await storedConfig(existing, file('config.json'))
    if (config && canonical(config) !== canonical(stored)) {
      throw new LipError(
        'CONFIG_INVALID',
        `The run in '${path}' was started with other settings than those given now.`,
        {
          hint: 'Resume it without settings, or start another run in another folder.',
        },
      )
    }
    return folder(path, stored)
  }
  if (!config) throw new LipError('USAGE', 'A new run needs a configuration.')
  for (const name of CONTENT) {
    if (!(await exists(file(name)))) continue
    throw new LipError('FILE_EXISTS', `'${path}' already holds a run (${name}).`, {
      hint: 'Continue it with --resume, or choose another folder with --out.',
    })
  }
  return folder(path, config)
}

/** What a run, its export and its report leave: a new run overwrites none of it. */
const CONTENT = ['config.json', 'metrics.jsonl', 'checkpoints', 'model.onnx', 'report.json', 'report.html']

function folder(path: string, config: TrainingConfig): RunFolder {
  const file = (name: string) => join(path, name)
  const latest = file(join('checkpoints', 'latest.npz'))
  const best = file(join('checkpoints', 'best.npz'))
  return {
    path,
    config,
    file,
    async begin() {
      try {
        await mkdir(file('checkpoints'), { recursive: true })
      } catch (cause) {
        throw new LipError('FILE_NOT_WRITABLE', `The run folder '${path}' cannot be made.`, {
          hint: 'Choose a folder that you may write to with --out.',
          cause,
        })
      }
      if (!(await exists(file('config.json')))) {
        await writeAtomically(file('config.json'), `${JSON.stringify(config, null, 2)}\n`)
      }
    },
    async writeEpoch(checkpoint, options) {
      if (options?.best) await writeCheckpoint(best, checkpoint)
      await writeCheckpoint(latest, checkpoint)
      // Written whole from the checkpoint's history: a resumed run leaves no line of the epochs that were lost.
      const lines = checkpoint.progress.history.map((entry) => JSON.stringify(entry))
      await writeAtomically(file('metrics.jsonl'), lines.length === 0 ? '' : `${lines.join('\n')}\n`)
    },
    latest: async () => ((await exists(latest)) ? readCheckpoint(latest) : undefined),
    best: async () => ((await exists(best)) ? readCheckpoint(best) : undefined),
  }
}

/** @throws LipError CONFIG_INVALID when somebody edited the file into something else */
async function storedConfig(text: string, path: string): Promise<TrainingConfig> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LipError('CONFIG_INVALID', `'${path}' is damaged: it is no JSON.`, { cause })
  }
  return checkConfig(value, path)
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** JSON with sorted keys: two configurations are the same when this is. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
