import { invalid } from './invalid.ts'
import type { Operator } from './operator.ts'
import { rearranging } from './space-depth.ts'

/** Blocks of channels become blocks of pixels; mode DCR (depth, column, row) or CRD. */
export const DepthToSpace: Operator = {
  type: 'DepthToSpace',
  ...rearranging((site, dims) => {
    const block = site.int('blocksize')
    const [batch, channels, height, width] = dims
    const mode = site.string('mode', 'DCR')
    const depth = channels / (block * block)
    if (dims.length !== 4 || !Number.isInteger(depth) || !['DCR', 'CRD'].includes(mode))
      throw invalid(site, `cannot rearrange [${dims}] with blocksize ${block} and mode '${mode}'`)
    const result = [batch, depth, height * block, width * block]
    return mode === 'DCR'
      ? { split: [batch, block, block, depth, height, width], permutation: [0, 3, 4, 1, 5, 2], result }
      : { split: [batch, depth, block, block, height, width], permutation: [0, 1, 4, 2, 5, 3], result }
  }),
}
