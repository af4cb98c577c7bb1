import { elementCode, elementType, isFloat } from '../onnx/element-types.ts'
import type { ElementType, NdArray } from '../onnx/ir.ts'
import { unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { exact, move, relative, unbounded } from './rules.ts'

/**
 * Changes the element type. Between floats, and from integers to floats, the value is meant to stay: what the narrower type
 * loses is rounding, not meaning. To integers and truth values it jumps.
 */
export const Cast: Operator = {
  type: 'Cast',
  shape: (site) => [{ type: targetOf(site), dims: site.input(0).dims }],
  evaluate: (site, [x]) => [convert(site, x!, targetOf(site))],
  lipschitz: (site) => {
    const target = targetOf(site)
    if (isFloat(target)) return move
    if (!isFloat(site.input(0).type) && target !== 'bool' && bits(target) > bits(site.input(0).type)) return move
    return unbounded(`a conversion to ${target} jumps`)
  },
  rounding: (site) => {
    const [from, to] = [site.input(0).type, targetOf(site)]
    if (!isFloat(to) || to === 'float64' || from === to) return exact
    if (to !== 'float32') return { kind: 'unknown', because: `arithmetic in ${to} has no error bound here` }
    return from === 'float64' || bits(from) > 16 ? relative(1) : exact
  },
  rows: () => 'elementwise',
  vjp: (site, b, [dy]) => {
    const { type } = site.input(0)
    return [dy && isFloat(type) ? b.node('Cast', [dy], { to: elementCode(type) }) : undefined]
  },
}

function targetOf(site: Site): ElementType {
  const code = site.int('to')
  const type = elementType(code)
  if (type === 'string' || type === 'undefined' || type.startsWith('complex') || /^float[48]/.test(type))
    throw unsupported(site, `converts to ${type === 'undefined' ? `the unknown type ${code}` : type}`)
  return type
}

function bits(type: ElementType): number {
  return type === 'bool' ? 1 : Number(/\d+/.exec(type)?.[0] ?? 0)
}

function convert(site: Site, x: NdArray, to: ElementType): NdArray {
  if (to === x.type) return x
  if (isFloat(to)) return { ...x, type: to }
  if (to === 'bool') return { type: to, dims: x.dims, data: x.data.map((value) => (value === 0 ? 0 : 1)) }
  const size = bits(to)
  const signed = to.startsWith('int')
  const [low, high] = signed ? [-(2 ** (size - 1)), 2 ** (size - 1) - 1] : [0, 2 ** size - 1]
  const data = x.data.map((value) => {
    const whole = Math.trunc(value)
    if (whole >= low && whole <= high) return whole
    // Integers wrap around; what a float out of range becomes is not defined.
    if (isFloat(x.type)) throw unsupported(site, `converts ${value} to ${to}`)
    const wrapped = ((whole % 2 ** size) + 2 ** size) % 2 ** size
    return signed && wrapped >= 2 ** (size - 1) ? wrapped - 2 ** size : wrapped
  })
  return { type: to, dims: x.dims, data }
}
