import type { ExpressionStore } from '../../../src/graph/fusion/expression-store.ts'

/** What an expression is worth at given leaves: the meaning that every simplification has to keep. */
export function expressionValue(
  store: ExpressionStore,
  id: number,
  leaf: (base: number, index: number) => number,
  known = new Map<number, number>(),
): number {
  const before = known.get(id)
  if (before !== undefined) return before
  const worth = (argument: number): number => expressionValue(store, argument, leaf, known)
  const args = (of: number): number[] => Array.from({ length: store.count(of) }, (_, k) => store.argument(of, k))
  const compute = (): number => {
    switch (store.kind(id)) {
      case 'leaf':
        return leaf(store.label(id), store.value(id))
      case 'constant':
        return store.value(id)
      case 'linear':
        return args(id).reduce((sum, argument, k) => sum + store.coefficient(id, k) * worth(argument), store.value(id))
      case 'order': {
        const members = args(store.argument(id, 0)).map(worth)
        return members.sort((a, b) => a - b)[store.label(id) - 1]!
      }
      case 'abs':
        return Math.abs(worth(store.argument(id, 0)))
      case 'square':
        return worth(store.argument(id, 0)) ** 2
      case 'sqrt':
        return Math.sqrt(worth(store.argument(id, 0)))
      case 'sign':
        return Math.sign(worth(store.argument(id, 0)))
      case 'step': {
        const value = worth(store.argument(id, 0))
        return value > 0 || (value === 0 && store.label(id) === 0) ? 1 : 0
      }
      case 'set':
        throw new Error('a set has no value')
    }
  }
  const value = compute()
  known.set(id, value)
  return value
}
