import type { Node } from './ir.ts'
import { namesRead, sortNodes } from './sort-nodes.ts'

/** The nodes that some wanted value needs, in topological order. */
export function liveNodes(nodes: readonly Node[], wanted: Iterable<string>): readonly Node[] {
  const needed = new Set(wanted)
  const sorted = sortNodes(nodes)
  const live: Node[] = []
  for (let i = sorted.length - 1; i >= 0; i--) {
    const node = sorted[i]!
    if (!node.outputs.some((output) => output !== '' && needed.has(output))) continue
    live.push(node)
    for (const name of namesRead(node)) needed.add(name)
  }
  return live.reverse()
}
