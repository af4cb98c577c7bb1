import type { LayerDescription } from '../description.ts'
import { unsupported } from './config.ts'
import { lowerGroupSort } from './group-sort.ts'
import type { Lowering } from './lowering.ts'
import { lowerMaxMin } from './max-min.ts'

/** Activations that ONNX has under one name. */
const PLAIN: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  softplus: 'Softplus',
  softsign: 'Softsign',
  elu: 'Elu',
  selu: 'Selu',
}

/** The `activation=` of a layer: a name, or deel-lip's activation layer serialised inside the configuration. */
export function lowerActivation(desk: Lowering, layer: LayerDescription): void {
  const activation = layer.config.activation
  if (activation === undefined || activation === null || activation === 'linear') return
  if (typeof activation === 'string') {
    lowerNamed(desk, layer, activation)
    return
  }
  const { class_name: className, config } = activation as { class_name?: string; config?: Record<string, unknown> }
  const inner: LayerDescription = {
    className: String(className).replace(/^.*>/, ''),
    name: `${layer.name}/activation`,
    config: config ?? {},
    weights: {},
  }
  switch (inner.className) {
    case 'GroupSort':
    case 'GroupSort2':
    case 'FullSort':
      lowerGroupSort(desk, inner)
      return
    case 'MaxMin':
      lowerMaxMin(desk, inner)
      return
    case 'ReLU':
      lowerNamed(desk, inner, 'relu')
      return
    default:
      throw unsupported(layer, `has the activation ${inner.className}`)
  }
}

/** The layer `Activation`, or the name of an activation. */
export function lowerNamed(desk: Lowering, layer: LayerDescription, activation: string): void {
  if (activation === 'linear') return
  if (activation === 'softmax') {
    if (desk.shape.length !== 1) throw unsupported(layer, 'applies softmax to images')
    desk.tensor = desk.node(`${layer.name}/softmax`, 'Softmax', [desk.tensor], { axis: 1 })
    return
  }
  const op = PLAIN[activation]
  if (!op) throw unsupported(layer, `has the activation '${activation}'`)
  desk.tensor = desk.node(`${layer.name}/${activation}`, op, [desk.tensor])
}
