import type { LayerLowering } from './lowering.ts'

/** silu (swish): x sigmoid(x), which opset 18 has no name for. */
export const lowerSilu: LayerLowering = (desk, { name }) => {
  const gate = desk.node(`${name}/gate`, 'Sigmoid', [desk.tensor])
  desk.tensor = desk.node(name, 'Mul', [desk.tensor, gate])
}

/** gelu without approximation: x (1 + erf(x / sqrt 2)) / 2. */
export const lowerGelu: LayerLowering = (desk, { name }) => {
  const scaled = desk.node(`${name}/scaled`, 'Div', [desk.tensor, desk.constant(`${name}/root2`, [Math.SQRT2], [])])
  const erf = desk.node(`${name}/erf`, 'Erf', [scaled])
  const gate = desk.node(`${name}/gate`, 'Add', [erf, desk.constant(`${name}/one`, [1], [])])
  const product = desk.node(`${name}/product`, 'Mul', [desk.tensor, gate])
  desk.tensor = desk.node(name, 'Mul', [product, desk.constant(`${name}/half`, [0.5], [])])
}
