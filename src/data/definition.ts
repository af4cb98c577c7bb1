import type { Dataset, Split } from './dataset.ts'
import type { DownloadOptions } from './download.ts'

export interface DatasetRequest extends DownloadOptions {
  readonly split: Split
  /** The first so many of the split; default all. */
  readonly samples?: number | undefined
  /** Folder with the original files. */
  readonly dataDir?: string | undefined
  /** Never touch the network. */
  readonly offline?: boolean | undefined
  readonly env?: NodeJS.ProcessEnv
}

/** What the catalogue knows about a dataset. */
export interface DatasetDefinition {
  readonly name: string
  readonly title: string
  readonly licence: string
  readonly sizes: Readonly<Record<Split, number>>
  load(request: DatasetRequest): Promise<Dataset>
  /** Downloads every file into the cache, checksums checked; absent for sets that are computed. */
  fetch?(request: Omit<DatasetRequest, 'split'>): Promise<void>
}
