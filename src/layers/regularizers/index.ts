export { LorthRegularizer } from './lorth-regularizer.ts'
export { OrthDenseRegularizer } from './orth-dense-regularizer.ts'
