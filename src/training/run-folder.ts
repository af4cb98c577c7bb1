import { access, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LipError } from '../errors.ts'
import { type Checkpoint, readCheckpoint, writeAtomically, writeCheckpoint } from './checkpoint.ts'
import type { TrainingConfig } from './config.ts'

/** Where a run keeps what it makes: config.json, metrics.jsonl, checkpoints/, and what export and verify add. */
export interface RunFolder {
  readonly path: string
  readonly config: TrainingConfig
  writeEpoch(checkpoint: Checkpoint): Promise<void>
  /** The latest checkpoint, or undefined when the run has not got that far. */
  latest(): Promise<Checkpoint | undefined>
  file(name: string): string
}

/**
 * Makes a run folder, or opens it again to resume.
 *
 * @throws LipError FILE_EXISTS when the folder holds a run and `resume` is not set, FILE_NOT_FOUND when there is none to resume,
 * FILE_NOT_WRITABLE when it cannot be made, CONFIG_INVALID when the run was started with other settings
 */
export async function openRunFolder(
  path: string,
  config: TrainingConfig | undefined,
  options: { readonly resume: boolean },
): Promise<RunFolder> {
  const file = (name: string) => join(path, name)
  const existing = await readFile(file('config.json'), 'utf8').catch(() => undefined)
  if (options.resume) {
    if (existing === undefined) {
      throw new LipError('FILE_NOT_FOUND', `'${path}' holds no run to resume (no config.json).`, {
        hint: 'Leave out --resume to start one.',
      })
    }
    const stored = JSON.parse(existing) as TrainingConfig
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
  if (existing !== undefined || (await exists(file('checkpoints')))) {
    throw new LipError('FILE_EXISTS', `'${path}' already holds a run.`, {
      hint: 'Continue it with --resume, or choose another folder with --out.',
    })
  }
  try {
    await mkdir(file('checkpoints'), { recursive: true })
  } catch (cause) {
    throw new LipError('FILE_NOT_WRITABLE', `The run folder '${path}' cannot be made.`, {
      hint: 'Choose a folder that you may write to with --out.',
      cause,
    })
  }
  await writeAtomically(file('config.json'), `${JSON.stringify(config, null, 2)}\n`)
  return folder(path, config)
}

function folder(path: string, config: TrainingConfig): RunFolder {
  const file = (name: string) => join(path, name)
  const latest = file(join('checkpoints', 'latest.npz'))
  return {
    path,
    config,
    file,
    async writeEpoch(checkpoint) {
      await writeCheckpoint(latest, checkpoint)
      // Written whole from the checkpoint's history: a resumed run leaves no line of the epochs that were lost.
      const lines = checkpoint.progress.history.map((entry) => JSON.stringify(entry))
      await writeAtomically(file('metrics.jsonl'), lines.length === 0 ? '' : `${lines.join('\n')}\n`)
    },
    latest: async () => ((await exists(latest)) ? readCheckpoint(latest) : undefined),
  }
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
