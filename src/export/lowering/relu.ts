import { number, unsupported } from './config.ts'
import type { LayerLowering } from './lowering.ts'

/** ReLU with its parameters: negative_slope below 0, max_value. */
export const lowerRelu: LayerLowering = (desk, layer) => {
  const slope = number(layer, 'negative_slope', 0)
  const threshold = number(layer, 'threshold', 0)
  const largest = layer.config.max_value ?? null
  if (threshold !== 0) throw unsupported(layer, `has threshold = ${threshold}`)
  if (slope !== 0 && largest !== null) {
    const leaky = desk.node(`${layer.name}/leaky`, 'LeakyRelu', [desk.tensor], { alpha: { float: slope } })
    const most = desk.constant(`${layer.name}/most`, [number(layer, 'max_value', 0)], [])
    desk.tensor = desk.node(layer.name, 'Min', [leaky, most])
  } else if (largest !== null) {
    const bounds = [
      desk.constant(`${layer.name}/least`, [0], []),
      desk.constant(`${layer.name}/most`, [number(layer, 'max_value', 0)], []),
    ]
    desk.tensor = desk.node(layer.name, 'Clip', [desk.tensor, ...bounds])
  } else if (slope !== 0) desk.tensor = desk.node(layer.name, 'LeakyRelu', [desk.tensor], { alpha: { float: slope } })
  else desk.tensor = desk.node(layer.name, 'Relu', [desk.tensor])
}

export const lowerLeakyRelu: LayerLowering = (desk, layer) => {
  const alpha = number(layer, layer.config.negative_slope === undefined ? 'alpha' : 'negative_slope', 0.3)
  desk.tensor = desk.node(layer.name, 'LeakyRelu', [desk.tensor], { alpha: { float: alpha } })
}

export const lowerElu: LayerLowering = (desk, layer) => {
  const alpha = number(layer, 'alpha', 1)
  desk.tensor = desk.node(layer.name, 'Elu', [desk.tensor], { alpha: { float: alpha } })
}
