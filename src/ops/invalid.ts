import { LipError } from '../errors.ts'
import type { Site } from './operator.ts'

/** The node contradicts the ONNX specification or itself: `what` completes the sentence "Node 'x' (Op) …". */
export function invalid(site: Site, what: string): LipError {
  return new LipError('MODEL_INVALID', `Node '${site.node.name}' (${site.node.op}) ${what}.`, {
    hint: 'Check the file with the exporter that wrote it, or with onnx.checker.',
  })
}

/** The node may be well formed, but this use of it has no rule here: it is refused by name. */
export function unsupported(site: Site, what: string): LipError {
  return new LipError('MODEL_UNSUPPORTED', `Node '${site.node.name}' (${site.node.op}) ${what}.`)
}
