import { registerLayer } from './config/layer-registry.ts'
import { GroupSort, type GroupSortOptions } from './group-sort.ts'

/** `GroupSort` of all channels. */
export class FullSort extends GroupSort {
  static override className = 'FullSort'

  constructor(options: Omit<GroupSortOptions, 'n'> = {}) {
    super({ ...options, n: null })
  }
}

registerLayer(FullSort)
