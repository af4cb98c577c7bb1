import { describe, expect, it } from 'vitest'
import {
  backward,
  disagreement,
  evaluate,
  fixed,
  floats,
  integers,
  type NodeCase,
  random,
  roomFor,
  siteOf,
} from './one-node.ts'

const a = floats([2, 3], [1, 2, 3, -1, 0, 0.5])
const b = floats([3], [1, 3, 2])
const truth = (...data: number[]) => ({ dims: [data.length], data, type: 'bool' as const })
const whole = (...data: number[]) => ({ dims: [data.length], data, type: 'int64' as const })

const CASES: readonly NodeCase[] = [
  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].map((op) => ({ op, inputs: [a, b] })),
  ...['Equal', 'Greater', 'Less'].map((op) => ({ op, opset: 11, inputs: [a, b] })),
  ...['And', 'Or', 'Xor', 'Equal'].map((op) => ({ op, inputs: [truth(0, 0, 1, 1), truth(0, 1, 0, 1)] })),
  { op: 'Not', inputs: [truth(0, 1)] },
  { op: 'IsNaN', inputs: [floats([3], [Number.NaN, 1, Infinity])] },
  { op: 'IsInf', inputs: [floats([4], [Number.NaN, 1, Infinity, -Infinity])] },
  { op: 'IsInf', inputs: [floats([2], [Infinity, -Infinity])], attributes: { detect_negative: 0 } },
  { op: 'IsInf', inputs: [floats([2], [Infinity, -Infinity])], attributes: { detect_positive: 0 } },
  { op: 'Mod', inputs: [whole(-7, 7, -7, 7, 6), whole(3, 3, -3, -3, 3)] },
  { op: 'Mod', inputs: [whole(-7, 7, -7, 7, 6), whole(3, 3, -3, -3, 3)], attributes: { fmod: 1 } },
  { op: 'Mod', inputs: [floats([3], [-5.5, 5.5, 4]), floats([1], [2])], attributes: { fmod: 1 } },
  { op: 'Hardmax', inputs: [floats([2, 3], [1, 3, 3, 0, 0, -1])] },
  { op: 'Hardmax', opset: 11, inputs: [random([2, 2, 2], 3)] },
  { op: 'Shrink', inputs: [a], attributes: { lambd: { float: 0.75 }, bias: { float: 0.25 } } },
  { op: 'NonZero', inputs: [fixed([2, 3], [1, 0, 2, 0, 0, 3])] },
  ...[0, 1].flatMap((axis) =>
    [0, 1].flatMap((keepdims) =>
      ['ArgMax', 'ArgMin'].flatMap((op) =>
        [0, 1].map((select_last_index) => ({
          op,
          inputs: [floats([2, 3], [1, 3, 3, 1, 0, 0])],
          attributes: { axis, keepdims, select_last_index },
        })),
      ),
    ),
  ),
]

describe('decisions', () => {
  it.each(CASES.map((one) => [`${one.op} ${JSON.stringify(one.attributes ?? {})}`, one] as const))(
    '%s agrees with onnxruntime and has no bound',
    async (_, one) => {
      expect(await disagreement(one)).toBeLessThanOrEqual(1)
      const rule = roomFor(one.op).lipschitz(siteOf(one))
      expect(rule.kind).toBe('unbounded')
    },
  )

  it('has no gradient', async () => {
    expect(await backward({ op: 'Greater', inputs: [a, b] }, [undefined])).toEqual([undefined, undefined])
  })

  it('keeps soft thresholding, which does not jump', () => {
    const attributes = { lambd: { float: 0.5 }, bias: { float: 0.5 } }
    expect(roomFor('Shrink').lipschitz(siteOf({ op: 'Shrink', inputs: [a], attributes }))).toMatchObject({
      kind: 'constant',
      value: 1,
    })
  })

  it('refuses NonZero of the data by name', () => {
    expect(() => siteOf({ op: 'NonZero', inputs: [a] })).toThrow(/'node' \(NonZero\) has an output whose shape depends/)
  })

  it('evaluates an integer mean as onnxruntime does', async () => {
    const one: NodeCase = {
      op: 'ReduceMean',
      inputs: [{ dims: [2, 2], data: [1, 2, -1, -2], type: 'int32' }, integers(1)],
    }
    expect([...evaluate(one)[0]!.data]).toEqual([1, -1])
    expect(await disagreement(one)).toBe(0)
  })
})
