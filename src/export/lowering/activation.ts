import type { LayerDescription } from '../description.ts'
import { requireLastAxis, unsupported } from './config.ts'
import { lowerGelu, lowerSilu } from './gated.ts'
import { lowerGroupSort } from './group-sort.ts'
import { lowerHouseholder } from './householder.ts'
import type { LayerLowering, Lowering } from './lowering.ts'
import { lowerMaxMin } from './max-min.ts'
import { lowerPRelu } from './p-relu.ts'
import { lowerElu, lowerLeakyRelu, lowerRelu } from './relu.ts'

/** Activations that ONNX has under one name. */
const PLAIN: Readonly<Record<string, string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  softplus: 'Softplus',
  softsign: 'Softsign',
  elu: 'Elu',
  selu: 'Selu',
  celu: 'Celu',
  mish: 'Mish',
  exponential: 'Exp',
  hard_silu: 'HardSwish',
  hard_swish: 'HardSwish',
}

/** Activations that take more than one node or an attribute. */
const WRITTEN: Readonly<Record<string, LayerLowering>> = {
  relu6: (desk, layer) => lowerRelu(desk, { ...layer, config: { max_value: 6 } }),
  leaky_relu: (desk, layer) => lowerLeakyRelu(desk, { ...layer, config: { negative_slope: 0.2 } }),
  silu: lowerSilu,
  swish: lowerSilu,
  gelu: lowerGelu,
}

/** Layers that may stand in `activation=`. */
const LAYERS: Readonly<Record<string, LayerLowering>> = {
  GroupSort: lowerGroupSort,
  GroupSort2: lowerGroupSort,
  FullSort: lowerGroupSort,
  MaxMin: lowerMaxMin,
  Householder: lowerHouseholder,
  PReLU: lowerPRelu,
  PReLUlip: lowerPRelu,
  ReLU: lowerRelu,
  LeakyReLU: lowerLeakyRelu,
  ELU: lowerElu,
}

/** The `activation=` of a layer: a name, or deel-lip's activation layer serialised inside the configuration. */
export function lowerActivation(desk: Lowering, layer: LayerDescription): void {
  const { activation } = layer.config
  if (activation === undefined || activation === null || activation === 'linear') return
  if (typeof activation === 'string') {
    lowerNamed(desk, layer, activation)
    return
  }
  const { class_name: className, config } = activation as { class_name?: string; config?: Record<string, unknown> }
  const name = String(className).replace(/^.*>/, '')
  const inner: LayerDescription = {
    className: name,
    name: `${layer.name}/activation`,
    config: config ?? {},
    weights: Object.fromEntries(
      Object.entries(layer.weights).flatMap(([role, weight]) =>
        role.startsWith('activation/') ? [[role.slice('activation/'.length), weight]] : [],
      ),
    ),
  }
  const lowering = Object.hasOwn(LAYERS, name) ? LAYERS[name] : undefined
  if (lowering) lowering(desk, inner)
  else if (name === 'Activation') lowerActivation(desk, { ...layer, config: inner.config })
  else throw unsupported(layer, `has the activation ${name}`)
}

/** The layer `Activation`, or the name of an activation. */
export function lowerNamed(desk: Lowering, layer: LayerDescription, activation: string): void {
  if (activation === 'linear') return
  if (activation === 'softmax') {
    requireLastAxis(desk, layer)
    desk.tensor = desk.node(`${layer.name}/softmax`, 'Softmax', [desk.tensor], { axis: 1 })
    return
  }
  const written = Object.hasOwn(WRITTEN, activation) ? WRITTEN[activation] : undefined
  if (written) {
    written(desk, { ...layer, name: `${layer.name}/${activation}` })
    return
  }
  const op = Object.hasOwn(PLAIN, activation) ? PLAIN[activation] : undefined
  if (!op) throw unsupported(layer, `has the activation '${activation}'`)
  desk.tensor = desk.node(`${layer.name}/${activation}`, op, [desk.tensor])
}
