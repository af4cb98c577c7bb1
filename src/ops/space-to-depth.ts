import { invalid } from './invalid.ts'
import type { Operator } from './operator.ts'
import { rearranging } from './space-depth.ts'

/** Blocks of pixels become blocks of channels: the inverse of DepthToSpace in mode DCR. */
export const SpaceToDepth: Operator = {
  type: 'SpaceToDepth',
  ...rearranging((site, dims) => {
    const block = site.int('blocksize')
    const [batch, channels, height, width] = dims
    if (dims.length !== 4 || height % block !== 0 || width % block !== 0)
      throw invalid(site, `cannot rearrange [${dims}] with blocksize ${block}`)
    return {
      split: [batch, channels, height / block, block, width / block, block],
      permutation: [0, 3, 5, 1, 2, 4],
      result: [batch, channels * block * block, height / block, width / block],
    }
  }),
}
