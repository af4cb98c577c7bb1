/**
 * Logarithms of sums of exponentials written out node by node: log(1 + exp x) (Softplus), log(exp a + exp b), Log of a ReduceSum of
 * Exp, log(sigmoid x). The logarithm alone has no constant, nor has the exponential.
 *
 * Theorem. Let S = c + sum_k w_k f(a_k) with c, w_k >= 0, some w_k > 0, and f > 0 with |f'| <= f: the exponential, and the sigmoid
 * s with s' = s (1 - s). Then the gradient of log S by a has the 1-norm sum w_k |f'(a_k)| / S <= 1, so |d log S| <= |da| in the
 * Euclidean norm. Elements of a that occur in m of the sums count m times, in quadrature.
 * @module
 */
import { linearForm } from '../graph/fusion/linear-form.ts'
import { sqrtUp } from '../ops/round-up.ts'
import { OPAQUE } from '../ops/symbolic.ts'
import type { Network } from './network.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'

/** The logarithm that ends at a tensor, or nothing. */
export function logOfExponentials(network: Network, name: string): Segment | undefined {
  const end = network.producers.get(name)?.node
  const [sum] = end?.site.inputs ?? []
  if (end?.site.node.op !== 'Log' || !sum || sum.constant) return undefined
  const { tensors, pool, bases } = network.symbolic
  const tensor = tensors.get(sum.name)
  if (!tensor) return undefined
  const { store } = pool
  const counts = new Map<number, number>()
  let base: number | undefined
  for (const id of tensor.ids) {
    if (id === OPAQUE) return undefined
    const { offset, terms } = linearForm(store, id)
    if (!(offset.value - offset.slack >= 0) || terms.length === 0) return undefined
    for (const term of terms) {
      if (!(term.value - term.slack > 0) || store.kind(term.id) !== 'leaf') return undefined
      base ??= store.label(term.id)
      if (store.label(term.id) !== base) return undefined
      counts.set(term.id, (counts.get(term.id) ?? 0) + 1)
    }
  }
  const inner = base === undefined ? undefined : network.producers.get(bases[base]!)?.node.site
  const [argument] = inner?.inputs ?? []
  if (!inner || !argument || argument.constant || !['Exp', 'Sigmoid'].includes(inner.node.op)) return undefined
  const multiplicity = [...counts.values()].reduce((most, count) => Math.max(most, count), 0)
  return {
    base: argument.name,
    nodes: between(network.program, argument.name, name).nodes,
    enclosure: { lower: 0, upper: sqrtUp(multiplicity), method: 'log-of-exponentials' },
    because: 'the gradient of the logarithm of a sum of exponentials has a 1-norm of at most 1',
  }
}
