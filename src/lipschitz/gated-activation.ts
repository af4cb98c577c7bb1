/**
 * Gated activations y = k x (a F(s x + t) + b) written out node by node: SiLU and quick GELU (Sigmoid), GELU (Erf, or the tanh
 * form), Mish (Tanh of Softplus), hard swish (Clip, HardSigmoid). The product of two dynamic values alone has no constant.
 *
 * Theorem. y' = k (a (F(u) + s x F'(u)) + b), u = s x + t. For a smooth F and t = 0 that is k (a h(u) + b) with h = F + u F', whose
 * range does not depend on s: an affine function of h is largest at an end of its range. Where F clips to [lo, hi], the slope
 * is k (a F + b) outside and k (a (2 u - t) + b) inside: the ends again.
 * @module
 */
import { constantErrorOf } from '../graph/fusion/symbolic-run.ts'
import type { ProgramNode } from '../graph/program.ts'
import type { Site } from '../ops/operator.ts'
import { hasSubnormal } from '../ops/subnormal.ts'
import type { Network } from './network.ts'
import { UNIT_F32 } from './rounding-profile.ts'
import type { Segment } from './segments.ts'
import { between } from './trailing.ts'

/** Ranges of h = F + u F' (rounded outwards at the tenth digit), bounds of |u F'| and |F|. */
interface Smooth {
  readonly kind: 'smooth'
  readonly name: string
  readonly range: readonly [number, number]
  readonly steep: number
}

interface Clipped {
  readonly kind: 'clip'
  readonly name: string
  readonly low: number
  readonly high: number
  /** The function clips scale x + shift. */
  readonly scale: number
  readonly shift: number
}

const SIGMOID: Smooth = { kind: 'smooth', name: 'sigmoid', range: [-0.0998393202, 1.0998393202], steep: 0.224 }
const ERF: Smooth = { kind: 'smooth', name: 'erf', range: [-1.2578082904, 1.2578082904], steep: 0.484 }
const TANH: Smooth = { kind: 'smooth', name: 'tanh', range: [-1.1996786403, 1.1996786403], steep: 0.448 }
const MISH: Smooth = { kind: 'smooth', name: 'tanh of softplus', range: [-0.1125261224, 1.0884981613], steep: 0.264 }

/**
 * The tanh form of GELU, F = tanh(k x + k c x^3) with k = sqrt(2 / pi), c = 0.044715: h = F + x F' lies within 1.2579861374. Two
 * constants that are off by a relative d move h by at most 1.66 d (the sum of the partial derivatives' sizes), which the
 * seventh digit of the range leaves room for.
 */
const TANH_GELU: Smooth = { kind: 'smooth', name: 'tanh of a cubic', range: [-1.2579866, 1.2579866], steep: 0.448 }
const CUBIC = [Math.sqrt(2 / Math.PI), 0.044715 * Math.sqrt(2 / Math.PI)] as const
const CUBIC_TOLERANCE = 2.5e-7

/**
 * value = coefficients[0] + coefficients[1] x + ..., degree 3 at most. Executed, it is off by at most ulps u |value less its
 * offset| + absolute u: an offset may cancel, so what was rounded beside it is not relative to the value.
 */
interface Polynomial {
  readonly coefficients: readonly number[]
  readonly ulps: number
  readonly absolute: number
  /** Relative error of the coefficients, from constants that the file computes. */
  readonly error: number
}

const SLACK = 1 + 2 ** -36

/** The gated activation that ends at a tensor, or nothing. */
export function gatedActivation(network: Network, name: string): Segment | undefined {
  const end = network.producers.get(name)?.node
  if (end?.site.node.op !== 'Mul') return undefined
  const [p, q] = end.site.inputs
  if (!p || !q || p.constant || q.constant || p.dims.join() !== q.dims.join()) return undefined
  for (const [factor, gate] of [
    [p.name, q.name],
    [q.name, p.name],
  ] as const) {
    const found = gateOf(network, factor, gate)
    if (!found) continue
    const { nodes } = between(network.program, found.base, name)
    return {
      base: found.base,
      nodes,
      enclosure: { lower: 0, upper: found.slope, method: 'gated-activation' },
      because: `x times a ${found.name} of itself: the slope of the product is bounded, though the product of two values is not`,
      // A factor that is read as 0 is no rounding.
      ...(!nodes.some(({ site }) => hasSubnormal(site)) && { rounding: { inputUlps: found.ulps, power: found.power } }),
    }
  }
  return undefined
}

interface Gate {
  readonly base: string
  readonly name: string
  readonly slope: number
  readonly ulps: number
  readonly power: number
}

function gateOf(network: Network, factor: string, gate: string): Gate | undefined {
  // a F + b.
  let [a, b, outer] = [1, 0, 0]
  let offsets = 0
  let node = producerOf(network, gate)
  for (let steps = 0; node && steps < 6; steps++) {
    const step = scalarStep(node.site)
    if (!step || step.constantError > 0) break
    b += a * step.shift
    offsets += Math.abs(a * step.shift)
    a *= step.scale
    outer++
    node = producerOf(network, step.input)
  }
  // Offsets that cancel among themselves still round, and float64 may lose what they leave.
  if (!node || Math.abs(b) < offsets * (1 - 2 ** -40)) return undefined
  const found = functionAt(network, node)
  if (!found) return undefined
  const { inner } = found
  // k x: back from the factor through scalings, until the argument of F is made of the same tensor.
  let [base, k] = [factor, 1]
  for (let steps = 0; steps < 4; steps++) {
    const argument = polynomialOf(network, inner, base, 0)
    if (argument) return conclude({ ...found, a, b, k, base, argument, nodes: outer + steps })
    const before = producerOf(network, base)
    if (!before) return undefined
    const step = scalarStep(before.site)
    const isScaling = step?.shift === 0 && step.constantError === 0
    if (!isScaling) return undefined
    k *= step.scale
    base = step.input
  }
  return undefined
}

interface Parts {
  readonly fn: Smooth | Clipped
  readonly errorOfF: number
  readonly a: number
  readonly b: number
  readonly k: number
  readonly base: string
  readonly argument: Polynomial
  readonly nodes: number
}

function conclude({ fn, errorOfF, a, b, k, base, argument, nodes }: Parts): Gate | undefined {
  const [t = 0, s = 0, square = 0, cube = 0] = argument.coefficients
  if (square !== 0 || s === 0) return undefined
  const numbers = [a, b, k, t, s, cube]
  if (!numbers.every((x) => Number.isFinite(x) && (x === 0 || Math.abs(x) > 2 ** -100))) return undefined
  let ends: number[]
  let size: number
  let errorInF: number
  let margin = 0
  if (fn.kind === 'smooth') {
    if (t !== 0 || argument.absolute !== 0) return undefined
    const near = (x: number, target: number): boolean => Math.abs(x / target - 1) + argument.error <= CUBIC_TOLERANCE
    const cubic = cube !== 0
    if (cubic && !(fn === TANH && near(s, CUBIC[0]) && near(cube, CUBIC[1]))) return undefined
    const [low, high] = (cubic ? TANH_GELU : fn).range
    ends = [a * low + b, a * high + b]
    size = 1
    errorInF = errorOfF + fn.steep * argument.ulps
  } else {
    if (cube !== 0) return undefined
    const shift = fn.scale * t + fn.shift
    const { low, high } = fn
    ends = [low, high, 2 * low - shift, 2 * high - shift].map((value) => a * value + b)
    size = Math.max(Math.abs(low), Math.abs(high))
    errorInF =
      errorOfF +
      (argument.ulps + 2) * (4 * size + 2 * Math.abs(shift) + 4 * Math.abs(fn.shift)) +
      2 * Math.abs(fn.scale) * argument.absolute
    margin = Math.abs(fn.scale * t) + Math.abs(fn.shift)
  }
  // The ends are sums: they round by 2^-53 of their terms.
  const rounded = 2 ** -48 * (Math.abs(a) * (4 * size + margin) + Math.abs(b))
  const slope = Math.abs(k) * (Math.max(...ends.map(Math.abs)) * SLACK + rounded) + 2 ** -60
  const largest = Math.abs(a) * size + Math.abs(b)
  const inGate = Math.abs(a) * errorInF + 2 * nodes * largest
  return {
    base,
    name: fn.name,
    slope,
    // Every term is a bound already; a tenth more covers products of errors.
    ulps: 1.1 * Math.abs(k) * (inGate + (nodes + 1) * largest) + 1,
    power: cube === 0 ? 1 : 3,
  }
}

/** F at a node: what it is, its argument, and the error of its executed value in ulps of 1. */
function functionAt(
  network: Network,
  node: ProgramNode,
): { readonly fn: Smooth | Clipped; readonly inner: string; readonly errorOfF: number } | undefined {
  const { site, operator } = node
  const [input] = site.inputs
  if (!input || input.constant || constantErrorOf(site) > 0) return undefined
  const rule = operator.rounding(site)
  const error = rule.kind === 'absolute' ? rule.error / UNIT_F32 : rule.kind === 'exact' ? 0 : undefined
  if (error === undefined) return undefined
  const found = (fn: Smooth | Clipped, inner = input.name, more = 0) => ({ fn, inner, errorOfF: error + more })
  switch (site.node.op) {
    case 'Sigmoid':
      return found(SIGMOID)
    case 'Erf':
      return found(ERF)
    case 'Tanh': {
      const before = producerOf(network, input.name)
      if (before?.site.node.op !== 'Softplus') return found(TANH)
      const softplus = before.operator.rounding(before.site)
      if (softplus.kind !== 'relative' || softplus.inputUlps || constantErrorOf(before.site) > 0) return undefined
      // tanh is 1-Lipschitz, and |v tanh'(v)| <= 0.448 pays for a relative error of v.
      return found(MISH, before.site.input(0).name, softplus.ulps + (softplus.absolute ?? 0) / UNIT_F32)
    }
    case 'HardSigmoid':
      return found({
        kind: 'clip',
        name: 'hard sigmoid',
        low: 0,
        high: 1,
        scale: site.float('alpha', Math.fround(0.2)),
        shift: site.float('beta', 0.5),
      })
    case 'Clip':
    case 'Min': {
      const limits = limitsOf(network, node)
      return limits && found({ kind: 'clip', name: 'clipped line', ...limits, scale: 1, shift: 0 }, limits.inner)
    }
    default:
      return undefined
  }
}

interface Limits {
  readonly low: number
  readonly high: number
  readonly inner: string
}

/** Clip with two limits, or the minimum of a ReLU and a constant. */
function limitsOf(network: Network, { site }: ProgramNode): Limits | undefined {
  if (site.node.op === 'Clip') {
    const limit = (index: number, name: string): number | undefined =>
      site.inputs[index] ? scalarOf(site, index) : site.has(name) ? site.float(name) : undefined
    const [low, high] = [limit(1, 'min'), limit(2, 'max')]
    return low !== undefined && high !== undefined && low <= high ? { low, high, inner: site.input(0).name } : undefined
  }
  const at = site.inputs.findIndex((input) => input?.constant)
  const high = at < 0 || site.inputs.length !== 2 ? undefined : scalarOf(site, at)
  const before = producerOf(network, site.inputs[1 - at]?.name ?? '')
  if (high === undefined || high < 0 || before?.site.node.op !== 'Relu') return undefined
  return { low: 0, high, inner: before.site.input(0).name }
}

/** The one value of a constant operand. */
function scalarOf(site: Site, index: number): number | undefined {
  const data = site.constant(index)?.data
  const value = data?.[0]
  return value !== undefined && Number.isFinite(value) && data!.every((x) => x === value) ? value : undefined
}

interface ScalarStep {
  readonly input: string
  readonly scale: number
  readonly shift: number
  readonly constantError: number
}

/** y = scale x + shift with two numbers for all elements, of the same shape as x. */
function scalarStep(site: Site): ScalarStep | undefined {
  const dynamic = site.inputs.flatMap((input, index) => (input && !input.constant ? [index] : []))
  const [at] = dynamic
  if (dynamic.length !== 1 || at === undefined) return undefined
  const input = site.input(at)
  if (input.dims.join() !== site.outputs[0]!.dims.join()) return undefined
  const step = (scale: number, shift: number): ScalarStep => ({
    input: input.name,
    scale,
    shift,
    constantError: constantErrorOf(site),
  })
  const { op } = site.node
  if (op === 'Identity') return step(1, 0)
  if (op === 'Neg') return step(-1, 0)
  if (site.inputs.length !== 2) return undefined
  const c = scalarOf(site, 1 - at)
  if (c === undefined) return undefined
  if (op === 'Mul') return step(c, 0)
  if (op === 'Add') return step(1, c)
  if (op === 'Sub') return at === 0 ? step(1, -c) : step(-1, c)
  return op === 'Div' && at === 0 && c !== 0 ? step(1 / c, 0) : undefined
}

/** A tensor as a polynomial in `base`, element by element. */
function polynomialOf(network: Network, name: string, base: string, depth: number): Polynomial | undefined {
  if (name === base) return { coefficients: [0, 1], ulps: 0, absolute: 0, error: 0 }
  const node = producerOf(network, name)
  if (!node || depth > 6) return undefined
  const { site, operator } = node
  const rule = operator.rounding(site)
  const own = rule.kind === 'relative' && !rule.inputUlps ? rule.ulps : rule.kind === 'exact' ? 0 : undefined
  if (own === undefined) return undefined
  const step = scalarStep(site)
  if (step) {
    const before = polynomialOf(network, step.input, base, depth + 1)
    if (!before || step.constantError > 2 ** -20) return undefined
    return stepped(before, step, own)
  }
  const [p, q] = site.inputs
  if (site.inputs.length !== 2 || !p || p.constant || !q || constantErrorOf(site) > 0) return undefined
  const left = polynomialOf(network, p.name, base, depth + 1)
  if (left?.absolute !== 0) return undefined
  if (site.node.op === 'Pow') {
    const exponent = q.constant ? scalarOf(site, 1) : undefined
    if (exponent !== 2 && exponent !== 3) return undefined
    let power = left
    for (let k = 1; k < exponent; k++) {
      const next = product(power, left)
      if (!next) return undefined
      power = next
    }
    return { ...power, ulps: power.ulps + own }
  }
  if (q.constant || p.dims.join() !== q.dims.join()) return undefined
  const right = polynomialOf(network, q.name, base, depth + 1)
  if (right?.absolute !== 0) return undefined
  if (site.node.op === 'Mul') {
    const found = product(left, right)
    return found && { ...found, ulps: found.ulps + own }
  }
  if (site.node.op !== 'Add') return undefined
  const length = Math.max(left.coefficients.length, right.coefficients.length)
  const at = (side: Polynomial, k: number): number => side.coefficients[k] ?? 0
  const coefficients = Array.from({ length }, (_, k) => at(left, k) + at(right, k))
  // Terms of one sign and of one parity have one sign at every x: nothing cancels, so relative errors stay relative.
  const powers = coefficients.flatMap((_, k) => (at(left, k) !== 0 || at(right, k) !== 0 ? [k % 2] : []))
  const aligned = coefficients.every((_, k) => at(left, k) >= 0 && at(right, k) >= 0) && new Set(powers).size < 2
  if (!aligned) return undefined
  const error = Math.max(left.error, right.error)
  return { coefficients, ulps: Math.max(left.ulps, right.ulps) + own, absolute: 0, error }
}

/** scale p + shift, where one of them is trivial; undefined where float64 does not hold the offset exactly. */
function stepped(before: Polynomial, { scale, shift, constantError }: ScalarStep, own: number): Polynomial | undefined {
  const coefficients = before.coefficients.map((c) => c * scale)
  const [offset = 0, ...others] = coefficients
  const [old = 0] = before.coefficients
  if (offset !== 0 && (constantError > 0 || !isExactProduct(old, scale))) return undefined
  if (shift !== 0 && constantError > 0) return undefined
  const ulps = before.ulps + own + constantError / UNIT_F32
  const error = before.error + constantError
  const carried = Math.abs(scale) * before.absolute
  if (shift === 0) return { coefficients, ulps, absolute: carried && carried + own * Math.abs(offset), error }
  const total = offset + shift
  if (total - offset !== shift || total - shift !== offset) return undefined
  const result = { coefficients: [total, ...others], ulps, error }
  // Even powers with coefficients >= 0 and an offset >= 0: nothing cancels.
  const isPositive = others.every((c, k) => c === 0 || (c > 0 && k % 2 === 1))
  if (before.absolute === 0 && isPositive && offset >= 0 && shift > 0) return { ...result, absolute: 0 }
  if (coefficients.length > 2) return undefined
  return { ...result, absolute: carried + own * (Math.abs(offset) + Math.abs(shift)) }
}

const isExactProduct = (x: number, y: number): boolean =>
  (Math.fround(x) === x && Math.fround(y) === y && Math.abs(x * y) > 2 ** -900) || Math.abs(y) === 1

function product(a: Polynomial, b: Polynomial): Polynomial | undefined {
  const coefficients = new Array<number>(a.coefficients.length + b.coefficients.length - 1).fill(0)
  for (const [i, x] of a.coefficients.entries())
    for (const [k, y] of b.coefficients.entries()) coefficients[i + k]! += x * y
  while (coefficients.at(-1) === 0) coefficients.pop()
  const error = a.error + b.error
  return coefficients.length <= 4 ? { coefficients, ulps: a.ulps + b.ulps, absolute: 0, error } : undefined
}

function producerOf(network: Network, name: string): ProgramNode | undefined {
  return network.producers.get(name)?.node
}
