/**
 * How far the executed float32 network may be from the real one, at every tensor (docs/soundness.md 10.2).
 *
 * For all x' with |x'| <= R: |executed(x') - real(x')| <= constant + slope R. Errors made so far travel with the Lipschitz
 * constants (never with sums of absolute weights), each node adds what it rounds at inputs of norm <= |h(0)| + L R + error.
 * Inside a fused region the errors of the bases travel with the region's constant and the region's own rounding is added
 * once: `local`.
 * @module
 */
import { evaluate } from '../graph/evaluate.ts'
import { constantErrorOf } from '../graph/fusion/symbolic-run.ts'
import type { ProgramNode } from '../graph/program.ts'
import { isFloat } from '../onnx/element-types.ts'
import type { NdArray } from '../onnx/ir.ts'
import { hasSubnormal } from '../ops/subnormal.ts'
import { type Constants, throughBases } from './constants.ts'
import type { Network, Producer } from './network.ts'
import { applyRule } from './node-rule.ts'
import { vectorNormUpper } from './norms/index.ts'
import { type RoundingProfile, TINY_F32, UNIT_F32 } from './rounding-profile.ts'

/** constant + slope R, both >= 0. */
export interface ErrorForm {
  readonly constant: number
  readonly slope: number
}

export interface RoundingErrors {
  /** Error of a tensor. */
  of(name: string): ErrorForm
  /** What the node that makes the tensor adds itself, at its inputs as executed. */
  byNode(name: string): ErrorForm
  /** Bound of the tensor's real norm. */
  norm(name: string): ErrorForm
  /** Norm of what the node adds to its linear part (its bias), as real numbers. */
  biasOf(name: string): Float64Array
  readonly profile: RoundingProfile
}

const ZERO: ErrorForm = { constant: 0, slope: 0 }
const LOST: ErrorForm = { constant: Number.POSITIVE_INFINITY, slope: Number.POSITIVE_INFINITY }
/**
 * Pays for the float64 arithmetic of this file and for |h(0)| being computed in float64: its error is at most 2^-28 of the
 * float32 error bound at the same tensor (every term is proportional to u), which stands beside it in every sum.
 */
const SLACK = 1 + 2 ** -16

export const plus = (...forms: readonly ErrorForm[]): ErrorForm => ({
  constant: forms.reduce((sum, form) => sum + form.constant, 0),
  slope: forms.reduce((sum, form) => sum + form.slope, 0),
})
/** 0 * anything is 0: what does not enter does not matter. */
export const scaled = (form: ErrorForm, factor: number): ErrorForm =>
  factor === 0 ? ZERO : { constant: form.constant * factor, slope: form.slope * factor }
const smaller = (a: ErrorForm, b: ErrorForm): ErrorForm =>
  a.constant + 16 * a.slope <= b.constant + 16 * b.slope ? a : b

export function createRoundingErrors(network: Network, constants: Constants, profile: RoundingProfile): RoundingErrors {
  const { program, producers, symbolic, linear } = network
  const atZero = evaluateAtZero(network)
  const norms = new Map<string, ErrorForm>()
  const errors = new Map<string, ErrorForm>()
  const locals = new Map<string, ErrorForm>()
  const own = new Map<string, ErrorForm>()
  const biases = new Map<string, Float64Array>()
  const sigma = (node: ProgramNode): number => linear.get(node)!.enclosure.upper
  const absolute = (node: ProgramNode): number => linear.get(node)!.absolute()

  const remember = <T>(memory: Map<string, T>, name: string, compute: () => T): T => {
    const found = memory.get(name)
    if (found !== undefined) return found
    const value = compute()
    memory.set(name, value)
    return value
  }

  const norm = (name: string): ErrorForm =>
    remember(norms, name, () => {
      const slope = constants.of(name)
      if (!producers.has(name)) return { constant: 0, slope }
      return { constant: vectorNormUpper(atZero.get(name)?.data ?? [Number.NaN]) * SLACK, slope }
    })
  const executedNorm = (name: string): ErrorForm => plus(norm(name), of(name))

  /** Errors at the inputs, carried through the node; the rule is a seminorm, so it may be applied to both parts. */
  function carry(
    producer: Producer,
    at: (name: string) => ErrorForm,
    normOf: (node: ProgramNode) => number,
  ): ErrorForm {
    return {
      constant: applyRule(network, producer, (name) => at(name).constant, normOf),
      slope: applyRule(network, producer, (name) => at(name).slope, normOf),
    }
  }

  function biasOf(name: string): Float64Array {
    return remember(biases, name, () => {
      const { node, output } = producers.get(name)!
      const { site, operator } = node
      const structure = linear.get(node)?.structure
      // A convolution's bias is its third input, repeated at every position: no need to run the convolution on zeros.
      const third = site.inputs[2]?.constant
      if (structure?.kind === 'convolution' && site.inputs.length <= 3 && (!site.inputs[2] || third)) {
        const { dims } = site.outputs[output]!
        const size = sizeOf(dims)
        const plane = size / (dims[0]! * dims[1]!)
        if (!third) return new Float64Array(0)
        if (third.data.length === dims[1])
          return Float64Array.from({ length: size }, (_, k) => third.data[Math.floor(k / plane) % dims[1]!]!)
      }
      return operator.evaluate(
        site,
        site.inputs.map((input) => input && (input.constant ?? zeros(input))),
      )[output]!.data
    })
  }

  /**
   * Where several operands are added up (Sum, Mean, Scatter with reduction 'add'), constants may cancel among themselves and
   * still round: what counts is the sum of their absolute values. Operands enter there with coefficients >= 0, so that is the
   * node at absolute values.
   */
  function offsetsOf(name: string): Float64Array {
    const { node, output } = producers.get(name)!
    const rule = network.rule(node)
    if (rule.kind !== 'combine') return biasOf(name)
    const { site, operator } = node
    const magnitudes = site.inputs.map((input) => {
      if (!input?.constant || !isFloat(input.type)) return input && (input.constant ?? zeros(input))
      return { ...input.constant, data: input.constant.data.map(Math.abs) }
    })
    return operator.evaluate(site, magnitudes)[output]!.data
  }

  function byNode(name: string): ErrorForm {
    return remember(own, name, () => roundingAt(name))
  }

  function roundingAt(name: string): ErrorForm {
    const producer = producers.get(name)!
    const { site, operator } = producer.node
    const rule = operator.rounding(site)
    const root = Math.sqrt(sizeOf(site.outputs[producer.output]!.dims))
    // A subnormal number of the node that is read as 0 counts for 2^-126, or as a factor for that times the other one.
    const unread = (): ErrorForm =>
      hasSubnormal(site)
        ? scaled(plus({ constant: 1, slope: 0 }, ...inputs.map(executedNorm)), 2 * TINY_F32 * root)
        : ZERO
    const constantError = constantErrorOf(site)
    const inputs = site.inputs.flatMap((input) => (input && !input.constant ? [input.name] : []))
    switch (rule.kind) {
      case 'exact':
        return plus(unread(), drift(producer, constantError))
      case 'relative': {
        // y is computed exactly from the inputs as executed: |y| <= |real y| + what their errors make of it.
        const output = plus(norm(name), carry(producer, of, sigma))
        const input = rule.inputUlps
          ? scaled(executedNorm(inputs[0]!), rule.inputUlps * profile.elementwise * UNIT_F32)
          : ZERO
        const tiny = ((rule.absolute ?? 0) * profile.elementwise + 2 * TINY_F32) * root
        const size = scaled(output, rule.ulps * profile.elementwise * UNIT_F32)
        return plus(size, input, { constant: tiny, slope: 0 }, unread(), drift(producer, constantError))
      }
      case 'dot': {
        const grow = profile.dot(rule.terms)
        const products = carry(producer, executedNorm, absolute)
        // Several constants may cancel in the bias and still round: closed forms say nothing about them.
        const fixed = site.inputs.filter((input) => input?.constant && isFloat(input.type)).length
        if (fixed > 1 && linear.get(producer.node)?.structure.kind === 'closed-form') return LOST
        const bias = vectorNormUpper(offsetsOf(name)) + (rule.offset ?? 0) * root
        const flushed = (2 * rule.terms + 2) * TINY_F32 * root * (rule.gain ?? 1)
        const tiny = plus(
          { constant: flushed * (1 + bias), slope: 0 },
          scaled(plus(products, ...inputs.map(executedNorm)), flushed),
        )
        return plus(scaled(plus(products, { constant: bias, slope: 0 }), grow), tiny, drift(producer, constantError))
      }
      case 'absolute':
        return plus(
          { constant: rule.error * root * profile.elementwise, slope: 0 },
          unread(),
          drift(producer, constantError),
        )
      case 'unknown':
        return LOST
    }
  }

  /** What rounded constants (folded by the runtime in float32) change: known for linear nodes only. */
  function drift(producer: Producer, constantError: number): ErrorForm {
    if (constantError === 0) return ZERO
    if (!linear.has(producer.node) || !(constantError < 1)) return LOST
    const products = carry(producer, executedNorm, absolute)
    const bias = vectorNormUpper(biasOf(producer.node.site.outputs[producer.output]!.name))
    // The stored constants are that far from the real ones, and the executed ones that far from the stored; a runtime with
    // larger errors makes each of the roundings behind them so much larger.
    const executed = (1 + constantError) ** profile.elementwise * (1 + 2 ** -40) - 1
    return scaled(plus(products, { constant: bias, slope: 0 }), constantError + executed)
  }

  /** What the executed nodes between the bases and this tensor add, when the bases are as executed. */
  function local(name: string): ErrorForm {
    return remember(locals, name, () => {
      const tensor = symbolic.tensors.get(name)
      if (!producers.has(name) || !tensor || tensor.base !== undefined) return ZERO
      const { ulps, tiny } = tensor.rounding
      if (ulps === 0 && tiny === 0) return ZERO
      const stepwise = plus(carry(producers.get(name)!, local, sigma), byNode(name))
      if (!Number.isFinite(ulps)) return stepwise
      const size = plus(norm(name), throughRegion(name))
      const count = Math.sqrt(tensor.ids.length)
      const relative = plus(scaled(size, ulps * profile.elementwise * UNIT_F32), {
        constant: tiny * profile.elementwise * count,
        slope: 0,
      })
      return smaller(relative, stepwise)
    })
  }

  /** Errors of the bases, carried by the constants of the region. */
  function throughRegion(name: string): ErrorForm {
    const blocks = constants.blocks(name)
    if (!blocks) return LOST
    return {
      constant: throughBases(network, blocks, (base) => of(base).constant),
      slope: throughBases(network, blocks, (base) => of(base).slope),
    }
  }

  /** Errors of the base carried by the constant of a unit, and what its nodes round, all of it relative to the base. */
  function throughUnit(name: string, base: string, constant: number, inputUlps: number): ErrorForm {
    const own = scaled(executedNorm(base), inputUlps * profile.elementwise * UNIT_F32)
    // Products that underflow, and values of the gate that do.
    const tiny = 8 * TINY_F32 * (1 + inputUlps) * Math.sqrt(sizeOf(program.values.get(name)!.dims))
    return plus(scaled(of(base), constant), own, { constant: tiny, slope: 0 })
  }

  function of(name: string): ErrorForm {
    return remember(errors, name, () => {
      const producer = producers.get(name)
      // Subnormal elements of the input may be read as zeros.
      if (!producer) return { constant: TINY_F32 * Math.sqrt(sizeOf(program.values.get(name)!.dims)), slope: 0 }
      const unit = constants.segment(name)
      if (unit?.rounding)
        return scaled(throughUnit(name, unit.base, unit.enclosure.upper, unit.rounding.inputUlps), SLACK)
      const stepwise = (): ErrorForm => plus(carry(producer, of, sigma), byNode(name))
      if (symbolic.tensors.get(name)?.base !== undefined) return scaled(stepwise(), SLACK)
      const fused = plus(throughRegion(name), local(name))
      return scaled(Number.isFinite(fused.constant + fused.slope) ? fused : stepwise(), SLACK)
    })
  }

  // Bases in the order of the program, so that no recursion is deeper than a few nodes.
  for (const base of symbolic.bases) if (isFloat(program.values.get(base)!.type)) of(base)
  return { of, byNode, norm, biasOf, profile }
}

/** Every float tensor at the zero input, in float64. */
function evaluateAtZero({ program }: Network): Map<string, NdArray> {
  const feeds = new Map(program.inputs.map((input) => [input.name, zeros(input)]))
  const wanted = program.nodes.flatMap(({ site }) =>
    site.outputs.flatMap(({ name, type }) => (name !== '' && isFloat(type) ? [name] : [])),
  )
  return evaluate(program, feeds, wanted)
}

function zeros({ dims, type }: { readonly dims: readonly number[]; readonly type: NdArray['type'] }): NdArray {
  return { type, dims, data: new Float64Array(sizeOf(dims)) }
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}
