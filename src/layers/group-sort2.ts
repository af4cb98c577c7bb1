import { registerLayer } from './config/layer-registry.ts'
import { GroupSort, type GroupSortOptions } from './group-sort.ts'

/** `GroupSort` of pairs. */
export class GroupSort2 extends GroupSort {
  static override className = 'GroupSort2'

  constructor(options: Omit<GroupSortOptions, 'n'> = {}) {
    super({ ...options, n: 2 })
  }
}

registerLayer(GroupSort2)
