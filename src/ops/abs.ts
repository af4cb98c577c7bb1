import { elementwise } from './elementwise.ts'
import type { Operator } from './operator.ts'

/** y = |x|. */
export const Abs: Operator = {
  type: 'Abs',
  ...elementwise(Math.abs),
  lipschitz: () => ({ kind: 'constant', value: 1, because: '| |a| - |b| | <= |a - b| for every element' }),
  relativeError: (_, [error]) => error!,
  rounding: () => ({ kind: 'exact' }),
  symbolic: (_, [x], pool) => x && [{ dims: x.dims, ids: x.ids.map((id) => pool.abs(id)) }],
  // At 0 the slope is 1, not Sign's 0: the gradient keeps its norm there.
  vjp: ({ inputs }, b, [dy], [wanted]) => {
    if (!wanted || dy === undefined) return [undefined]
    const positive = b.node('GreaterOrEqual', [inputs[0]!.name, b.constant([0], [])])
    return [b.node('Where', [positive, dy, b.node('Neg', [dy])])]
  },
}
