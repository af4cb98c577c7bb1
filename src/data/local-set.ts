import { stat } from 'node:fs/promises'
import { LipError } from '../errors.ts'
import type { Dataset } from './dataset.ts'
import type { LocalRequest } from './local-request.ts'

/** What the data of a user are kept in. */
export type LocalKind = 'npz' | 'images'

/** What a word that is no name of a dataset names: a .npz file, a folder of images, or nothing. */
export async function localKind(word: string): Promise<LocalKind | undefined> {
  if (/\.npz$/i.test(word)) return 'npz'
  return (await stat(word).catch(() => undefined))?.isDirectory() ? 'images' : undefined
}

/**
 * One split of data of the user's own.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID
 */
export async function loadLocalSet(kind: LocalKind, path: string, request: LocalRequest): Promise<Dataset> {
  if (kind === 'npz') return (await import('./npz-set.ts')).loadNpzSet(path, request)
  return (await import('./image-folder.ts')).loadImageFolder(path, request)
}

/** @throws LipError USAGE: the word is no dataset at all */
export function refuseDataset(word: string, known: readonly string[]): never {
  const isPath = /[\\/]/.test(word)
  throw new LipError(
    'USAGE',
    isPath ? `'${word}' is neither a .npz file nor a folder of images.` : `There is no dataset '${word}'.`,
    {
      hint: `Known are ${known.join(', ')}, .npz files and folders of images; .npy files come with --inputs and --labels.`,
    },
  )
}
