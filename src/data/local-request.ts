import type { Split } from './dataset.ts'

/** What the user says about data of their own. */
export interface LocalRequest {
  readonly split: Split
  /** The first so many; default all. */
  readonly samples?: number | undefined
  /** A second file or folder, which holds the test split; the classes stay those of the first. */
  readonly testPath?: string | undefined
  /** Refuse data that is not divided into splits: a test on what was trained on says nothing. */
  readonly requireSplit?: boolean | undefined
  /** Order of the axes of images in arrays; default as their sizes say. */
  readonly layout?: 'channels-last' | 'channels-first' | undefined
  /** Names of the classes of arrays, by number; default their numbers. */
  readonly classNames?: readonly string[] | undefined
}

/** Names of the test split, best first. */
export const TEST_NAMES = ['test', 'val', 'valid', 'validation'] as const

/** Names that a split may go by. */
export const namesOf = (split: Split): readonly string[] => (split === 'train' ? ['train'] : TEST_NAMES)
