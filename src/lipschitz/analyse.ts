/**
 * The proof about one program: bounds of its outputs, enclosures of its layers, the argument step by step, and what
 * certificates need. Pure: the same program gives the same value.
 * @module
 */
import { nodesFor } from '../graph/evaluate.ts'
import type { Program, Refusal } from '../graph/program.ts'
import { timesUp } from '../ops/sum-up.ts'
import type { BoundReport, LayerReport, TraceStep } from '../report/report.ts'
import { type Constants, createConstants } from './constants.ts'
import { everySize } from './every-size.ts'
import { createLogitErrors, type LogitErrors } from './logit-errors.ts'
import { isLayer, type Network, openNetwork } from './network.ts'
import { boundOutputs, type OutputBounds } from './output-bounds.ts'
import { largestSafeNorm } from './overflow.ts'
import { createRoundingErrors, type RoundingErrors } from './rounding-error.ts'
import { ROUNDING_PROFILES, type RoundingProfile } from './rounding-profile.ts'
import { createSegments } from './segments.ts'
import { traceOf } from './trace.ts'
import { openTrailing, type Trailing } from './trailing.ts'

export interface AnalyseOptions {
  /** Graph output to analyse; default the first. */
  readonly output?: string
  /** Arithmetic that executes the network: a profile's name or the profile. Default 'f32-any-order'. */
  readonly profile?: string | RoundingProfile
  /** Threads for the norms of layers. */
  readonly workers?: number
  readonly onProgress?: (done: number, total: number) => void
  /** Once it is true, layers that are not yet bounded have no bound. */
  readonly late?: () => boolean
  /** The same program at another size of its open axes: bounds are then to hold for every size. */
  readonly twin?: Program
}

/** What a proof is made of; absent when the program is refused. */
export interface Proof {
  readonly network: Network
  readonly constants: Constants
  readonly trailing: Trailing
  readonly outputs: OutputBounds
  readonly errors: RoundingErrors
  readonly logitErrors: LogitErrors
  /** Inputs of a larger norm may overflow: nothing is certified about them. */
  readonly largestNorm: number
}

export interface Analysis {
  readonly program: Program
  readonly profile: RoundingProfile
  readonly bounds: {
    readonly logit: BoundReport
    readonly features: BoundReport
    readonly joint: BoundReport
    readonly pair: BoundReport
  }
  readonly layers: readonly LayerReport[]
  readonly trace: readonly TraceStep[]
  readonly coverage: { readonly nodes: number; readonly handled: number; readonly refused: readonly Refusal[] }
  /** Tensor whose argmax is the class, and the number of classes; a final Softmax is stripped. */
  readonly logits: string | undefined
  readonly classes: number
  /**
   * The stripped head moves single outputs further than the logits move (LogSoftmax): `logit` and `joint` are then about what
   * the file puts out, while differences of two outputs are those of the logits.
   */
  readonly stretched: boolean
  /** Number of elements of the input. */
  readonly inputSize: number
  readonly proof: Proof | undefined
  /** The upper bounds hold for every height and width; errors and certificates would be about one size. */
  readonly everySize?: true
}

/**
 * Bounds the network, by the float32 weights as they are in the file and in real arithmetic; the executed arithmetic enters
 * through `profile`, for certificates only.
 *
 * @param program prepared at batch 1: bounds are about one sample
 */
export async function analyse(program: Program, options: AnalyseOptions = {}): Promise<Analysis> {
  const profile = profileOf(options.profile)
  const inputSize = program.inputs.reduce((sum, { dims }) => sum + dims.reduce((product, dim) => product * dim, 1), 0)
  const name = options.output ?? program.model.graph.outputs[0]?.name ?? ''
  const known = program.values.get(name)
  const base = {
    program,
    profile,
    inputSize,
    logits: undefined,
    classes: 0,
    stretched: false,
    ...(options.twin && { everySize: true as const }),
  }
  const isEmpty = known !== undefined && (inputSize === 0 || known.dims.includes(0))
  if (!known || known.constant || isEmpty || program.refused.length > 0) {
    const reason = isEmpty
      ? 'has no elements, or the input has none'
      : known
        ? 'does not depend on the input'
        : 'is not computed by the model'
    const refused = program.refused.length > 0 ? program.refused : [{ name, op: 'output', reason }]
    return { ...base, ...silent(program, refused), layers: [], trace: [], proof: undefined }
  }
  const network = await openNetwork(program, {
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    ...(options.late === undefined ? {} : { late: options.late }),
    ...(options.twin && { sizes: everySize(program, options.twin) }),
  })
  const constants = createConstants(network, createSegments(network))
  const logits = stripHead(network, name)
  const layers = layersOf(network)
  const refused = unbounded(network, constants, logits)
  const trace = traceOf(network, constants, logits)
  if (refused.length > 0) return { ...base, ...silent(program, refused), layers, trace, proof: undefined }

  const trailing = openTrailing(network, logits)
  const outputs = boundOutputs(network, constants, trailing)
  const errors = createRoundingErrors(network, constants, profile)
  const largestLogit = outputs.logits.reduce((a, b) => Math.max(a, b), 0)
  const stretch = logits === name ? 1 : headConstant(network, name)
  const stretched = stretch > 1
  return {
    ...base,
    logits,
    classes: trailing.classes,
    stretched,
    bounds: {
      // The gradient of LogSoftmax is e_i - p, and (e_i - p) dz = sum of p_j (dz_i - dz_j).
      logit: bound(stretched ? outputs.largestPair : largestLogit),
      features: bound(outputs.features),
      joint: bound(stretched ? timesUp(stretch, outputs.joint) : outputs.joint),
      pair: bound(trailing.classes === 1 ? largestLogit : outputs.largestPair),
    },
    layers,
    trace,
    coverage: coverage(program, []),
    proof: {
      network,
      constants,
      trailing,
      outputs,
      errors,
      logitErrors: createLogitErrors(network, errors, trailing),
      largestNorm: largestSafeNorm(network, constants, errors),
    },
  }
}

function profileOf(profile: AnalyseOptions['profile'] = 'f32-any-order'): RoundingProfile {
  if (typeof profile !== 'string') return profile
  const found = ROUNDING_PROFILES[profile]
  if (!found) throw new Error(`there is no numeric profile '${profile}'`)
  return found
}

const bound = (upper: number): BoundReport => ({ lower: 0, upper: Number.isFinite(upper) ? upper : null })

function silent(program: Program, refused: readonly Refusal[]): Pick<Analysis, 'bounds' | 'coverage'> {
  const none = { lower: 0, upper: null }
  return { bounds: { logit: none, features: none, joint: none, pair: none }, coverage: coverage(program, refused) }
}

function coverage(program: Program, refused: readonly Refusal[]): Analysis['coverage'] {
  const names = new Set(refused.map((refusal) => refusal.name))
  const handled = program.nodes.filter(({ site }) => !names.has(site.node.name)).length
  const missing = refused.filter(
    ({ op, name }) => op !== 'output' && !program.nodes.some(({ site }) => site.node.name === name),
  )
  return { nodes: program.nodes.length + missing.length, handled, refused }
}

/** The tensor before a last Softmax or LogSoftmax over the classes, which changes no argmax. */
function stripHead(network: Network, name: string): string {
  const producer = network.producers.get(name)
  if (!producer) return name
  const rule = network.rule(producer.node)
  const input = producer.node.site.inputs[0]
  if (rule.kind !== 'monotone-head' || !input || input.constant) return name
  const { dims } = input
  const axis = rule.axis < 0 ? rule.axis + dims.length : rule.axis
  // One group over everything but the batch: the class axis.
  const classes = dims.slice(1).reduce((product, dim) => product * dim, 1)
  // Of one class the head makes 1 whatever its input is, of which the sign is no class of the file.
  return classes > 1 && dims[axis] === classes && dims[0] === 1 ? input.name : name
}

/** Constant of the last node, which was stripped. */
function headConstant(network: Network, name: string): number {
  const rule = network.rule(network.producers.get(name)!.node)
  return rule.kind === 'monotone-head' ? rule.value : 1
}

/** The nodes where the bound of the logits is lost: their inputs are bounded and their outputs are not. */
function unbounded(network: Network, constants: Constants, logits: string): Refusal[] {
  if (Number.isFinite(constants.of(logits))) return undefinedSomewhere(network, constants, logits)
  const found: Refusal[] = []
  const seen = new Set<string>()
  const visit = (name: string): void => {
    const producer = network.producers.get(name)
    if (!producer || seen.has(name) || Number.isFinite(constants.of(name))) return
    seen.add(name)
    const { site } = producer.node
    const inputs = site.inputs.flatMap((input) => (input && !input.constant ? [input.name] : []))
    const lost = inputs.filter((input) => !Number.isFinite(constants.of(input)))
    if (lost.length > 0) {
      lost.forEach(visit)
      return
    }
    const rule = network.rule(producer.node)
    const reason = rule.kind === 'unbounded' ? rule.because : 'has no finite Lipschitz constant'
    if (!found.some((refusal) => refusal.name === site.node.name))
      found.push({ name: site.node.name, op: site.node.op, reason })
  }
  visit(logits)
  return found.length > 0 ? found : [{ name: logits, op: 'output', reason: 'has no finite Lipschitz constant' }]
}

/** Operators of reals that are no real number, or infinite, for some. */
const PARTIAL = new Set(['Div', 'Log', 'LpNormalization', 'Pow', 'Reciprocal', 'ReduceLogSum', 'Sqrt'])

/**
 * A value that has no bound and is lost again (0 log x, 1 / x less 1 / x) moves nothing, but is not there for every input: then
 * nor is the output, which is NaN when executed.
 */
function undefinedSomewhere(network: Network, constants: Constants, logits: string): Refusal[] {
  // Inside a unit that proves its own constant the argument is proved to stay where the function is defined.
  const proved = new Set(
    network.program.nodes.flatMap(({ site }) =>
      site.outputs.flatMap(({ name }) => (name === '' ? [] : (constants.segment(name)?.nodes ?? []))),
    ),
  )
  const partial = nodesFor(network.program, [logits]).filter((node) => {
    const { site } = node
    if (!PARTIAL.has(site.node.op) || network.rule(node).kind !== 'unbounded' || proved.has(node)) return false
    // Whole powers are defined everywhere; what fusion looks through (the root of a sum of squares) is as a whole.
    const exponent = site.node.op === 'Pow' ? site.constant(1)?.data : undefined
    if (exponent?.every((power) => Number.isInteger(power) && power >= 0)) return false
    return network.symbolic.tensors.get(site.outputs[0]!.name)?.base !== undefined && !constants.isRanged(node)
  })
  return partial.map(({ site }) => ({
    name: site.node.name,
    op: site.node.op,
    reason: 'is not defined for every input',
  }))
}

function layersOf(network: Network): LayerReport[] {
  return [...network.linear.values()].filter(isLayer).map(({ node, enclosure }) => ({
    name: node.site.node.name,
    op: node.site.node.op,
    lower: enclosure.lower,
    upper: Number.isFinite(enclosure.upper) ? enclosure.upper : null,
    method: enclosure.method,
    ...(enclosure.details ? { details: enclosure.details } : {}),
  }))
}
