import { describe, it } from 'vitest'
import { checkGradient, type GradientCase } from './vjp-harness.ts'

const x = (...dims: number[]) => ({ dims })
const w = (...dims: number[]) => ({ dims, constant: true as const })
const ints = (...values: number[]) => ({ dims: [values.length], values, type: 'int64' as const })

const CASES: readonly (readonly [string, GradientCase])[] = [
  ['Relu', { op: 'Relu', inputs: [x(2, 5)] }],
  ['Conv', { op: 'Conv', inputs: [x(2, 3, 6, 5), w(4, 3, 3, 3), w(4)], attributes: { pads: [1, 1, 1, 1] } }],
  [
    'Conv by its weights',
    { op: 'Conv', inputs: [x(2, 2, 5, 5), x(3, 2, 3, 3), x(3)], attributes: { pads: [1, 0, 0, 1] } },
  ],
  [
    'Conv strided, grouped',
    { op: 'Conv', inputs: [x(1, 4, 7, 7), w(6, 2, 3, 3)], attributes: { strides: [2, 3], group: 2 } },
  ],
  ['Gemm', { op: 'Gemm', inputs: [x(3, 4), w(5, 4), w(5)], attributes: { transB: 1, alpha: { float: 0.5 } } }],
  ['Gemm by its weights', { op: 'Gemm', inputs: [x(3, 4), x(4, 5), x(5)] }],
  ['MatMul', { op: 'MatMul', inputs: [x(2, 3, 4), w(4, 5)] }],
  ['MatMul of two', { op: 'MatMul', inputs: [x(3, 4), x(4, 2)] }],
  ['Add with broadcasting', { op: 'Add', inputs: [x(2, 3, 4), x(3, 1)] }],
  ['Sub', { op: 'Sub', inputs: [x(2, 3), x(2, 3)] }],
  ['Mul', { op: 'Mul', inputs: [x(2, 3), x(1, 3)] }],
  ['Div', { op: 'Div', inputs: [x(2, 3), { dims: [3], values: [1.5, -2, 0.75] }] }],
  ['Max', { op: 'Max', inputs: [x(2, 3), x(2, 3)] }],
  ['Min of three', { op: 'Min', inputs: [x(2, 3), x(2, 3), x(3)] }],
  ['Reshape', { op: 'Reshape', inputs: [x(2, 6), ints(3, 4)] }],
  ['Transpose', { op: 'Transpose', inputs: [x(2, 3, 4)], attributes: { perm: [2, 0, 1] } }],
  ['Concat', { op: 'Concat', inputs: [x(2, 3), x(2, 2)], attributes: { axis: 1 } }],
  ['Slice with a step', { op: 'Slice', inputs: [x(2, 7), ints(1), ints(7), ints(1), ints(2)] }],
  [
    'Split, second half',
    { op: 'Split', inputs: [x(2, 6)], attributes: { axis: 1, num_outputs: 2 }, outputs: 2, of: 1 },
  ],
  ['Softmax', { op: 'Softmax', inputs: [x(3, 4)] }],
  [
    'AveragePool',
    { op: 'AveragePool', inputs: [x(1, 2, 6, 6)], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  ],
  ['MaxPool', { op: 'MaxPool', inputs: [x(1, 2, 6, 6)], attributes: { kernel_shape: [2, 2], strides: [2, 2] } }],
  ['TopK', { op: 'TopK', inputs: [x(3, 6), ints(6)], outputs: 2 }],
  ['ReduceMax', { op: 'ReduceMax', inputs: [x(2, 3, 4), ints(1)], attributes: { keepdims: 0 } }],
]

describe('gradient rules are what onnxruntime and central differences say', () => {
  it.each(CASES)('%s', (_, test) => checkGradient(test))
})
