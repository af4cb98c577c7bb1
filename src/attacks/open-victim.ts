import { LipError } from '../errors.ts'
import { evaluate } from '../graph/evaluate.ts'
import { prepare } from '../graph/prepare.ts'
import type { PrepareOptions, Program } from '../graph/program.ts'
import { provesRowIndependence } from '../graph/rows.ts'
import type { Model } from '../onnx/ir.ts'
import { batchedForward } from '../runtime/batched-forward.ts'
import { floatTensor } from '../runtime/onnxruntime.ts'
import { openSession, type Session, type SessionOptions } from '../runtime/session.ts'
import { type Box, createDomain, type Domain } from './domain.ts'
import { openGradientOracle } from './gradient-oracle.ts'
import type { Batch, Oracle } from './oracle.ts'
import type { Victim } from './victim.ts'

export interface VictimOptions extends SessionOptions {
  /** Where inputs may lie; default [0, 1]. */
  readonly box?: Box
  readonly inputShapes?: PrepareOptions['inputShapes']
}

/** A model and the bytes that were read from disk; what `readModel` returns. */
export interface VictimModel {
  readonly model: Model
  readonly bytes: Uint8Array
  /** Tried when the bytes alone do not load (weights in external files). */
  readonly path?: string
}

export interface OpenedVictim extends Victim {
  readonly reason: string
  readonly assumptions: readonly string[]
  /** Why there are no gradients; undefined when there are. */
  readonly withoutGradient: string | undefined
}

/**
 * Opens a network for attack: the plain network as judge, and its differentiated graph. A network that cannot be differentiated still
 * opens, for attacks that need logits only.
 *
 * @throws LipError MODEL_UNSUPPORTED unless the network has one float32 input and a float32 output with a row of logits a sample
 */
export async function openVictim(loaded: VictimModel, options: VictimOptions = {}): Promise<OpenedVictim> {
  const plain = await openPlain(loaded, options)
  if (plain.provider === 'cpu' || (options.provider ?? 'auto') !== 'auto') return opened(loaded, plain, options)
  try {
    return await opened(loaded, plain, options)
  } catch (error) {
    if (!(error instanceof LipError) || error.code !== 'RUNTIME_UNAVAILABLE') throw error
    // Forward and backward must round alike, so both move.
    const reason = `CPU, because ${plain.provider} could not take the gradient graph: ${error.message}`
    return opened(loaded, { ...(await openPlain(loaded, { ...options, provider: 'cpu' })), reason }, options)
  }
}

async function opened(loaded: VictimModel, plain: Session, options: VictimOptions): Promise<OpenedVictim> {
  const { model } = loaded
  const shapes = options.inputShapes && { inputShapes: options.inputShapes }
  const program = prepare(model, { batch: 1, ...shapes })
  const input = onlyInput(program)
  const [batch = 1, ...dims] = input.dims
  const output = model.graph.outputs[0]!.name
  try {
    const classes = await countClasses(plain, input.name, input.dims, output)
    const domain = createDomain(dims, classes, options.box)
    const point = { count: 0, tensor: new Float32Array(batch * domain.size) }
    const feeds = { [input.name]: floatTensor(point.tensor, input.dims) }
    const { oracle, release } = await openOracle(loaded, program, plain, domain, options)
    return {
      oracle,
      domain,
      provider: plain.provider,
      reason: plain.reason,
      assumptions: plain.assumptions,
      withoutGradient: oracle.gradient ? undefined : oracle.reason,
      async logits(image) {
        point.tensor.set(image)
        const result = (await plain.run(feeds, [output]))[output]!
        return (result.data as Float32Array).slice(0, classes)
      },
      ...(program.values.has(output) && {
        exactLogits: (image) => exactly(program, input.name, image, output, classes),
      }),
      async release() {
        await release()
        await plain.release()
      },
    }
  } catch (error) {
    await plain.release()
    throw error
  }
}

function onlyInput(program: Program): { readonly name: string; readonly dims: readonly number[] } {
  const [input, ...others] = program.inputs
  if (!input || others.length > 0 || input.type !== 'float32' || input.dims.length === 0) {
    const found = program.inputs.map(({ name, type }) => `'${name}' (${type})`).join(', ') || 'none'
    throw new LipError('MODEL_UNSUPPORTED', `Attacks need a network with one float32 input; this one has ${found}.`)
  }
  return input
}

async function openPlain({ bytes, path }: VictimModel, options: SessionOptions): Promise<Session> {
  try {
    return await openSession(bytes, options)
  } catch (error) {
    if (path === undefined) throw error
    return openSession(path, options)
  }
}

/** Runs one zero image: the shape that the runtime gives the output is the one that counts. */
async function countClasses(plain: Session, input: string, dims: readonly number[], output: string): Promise<number> {
  const zeros = new Float32Array(dims.reduce((a, b) => a * b, 1))
  const result = (await plain.run({ [input]: floatTensor(zeros, dims) }, [output]))[output]!
  const rows = dims[0]!
  const values = result.dims.reduce((a, b) => a * b, 1)
  if (result.type !== 'float32' || values % rows !== 0 || (result.dims[0] !== rows && values !== 1)) {
    throw new LipError(
      'MODEL_UNSUPPORTED',
      `Output '${output}' is ${result.type} [${result.dims.join(', ')}]: a float32 row of logits per sample is needed.`,
    )
  }
  return values / rows
}

/** Float64 logits of the program at batch 1 (or whatever batch the file fixes). */
function exactly(program: Program, input: string, image: Float32Array, output: string, classes: number): Float64Array {
  const { dims } = program.values.get(input)!
  const data = new Float64Array(dims.reduce((a, b) => a * b, 1))
  data.set(image)
  const result = evaluate(program, new Map([[input, { type: 'float32', dims, data }]]), [output]).get(output)!
  return result.data.slice(0, classes)
}

/** Softmax at the end keeps the order of the logits and squashes their gradients: attacks look behind it. */
function behindHead(program: Program, output: string): string {
  const last = program.nodes.find(({ site }) => site.outputs.some(({ name }) => name === output))
  if (last?.operator.lipschitz(last.site).kind !== 'monotone-head') return output
  return last.site.inputs.find((operand) => operand && !operand.constant)?.name ?? output
}

async function openOracle(
  loaded: VictimModel,
  program: Program,
  plain: Session,
  domain: Domain,
  options: VictimOptions,
): Promise<{ oracle: Oracle; release: () => Promise<void> }> {
  const { model } = loaded
  const input = onlyInput(program).name
  const output = model.graph.outputs[0]!.name
  try {
    if (!program.values.has(output)) throw unknownOutput(program, output)
    const pair = prepare(model, { batch: 2, ...(options.inputShapes && { inputShapes: options.inputShapes }) })
    const rows = provesRowIndependence(pair)
    if (pair.batch > 2 && !rows.independent) {
      const why = rows.reason ? `: ${rows.reason}` : ''
      throw new LipError(
        'MODEL_UNSUPPORTED',
        `The file fixes a batch of ${pair.batch} whose rows may influence each other${why}.`,
      )
    }
    // A file that fixes its batch, or mixes rows, runs at its one shape or at batch 1.
    const free = pair.batch === 2 && rows.independent
    const oracle = await openGradientOracle(model, {
      ...options,
      provider: plain.provider,
      input,
      logits: behindHead(program, output),
      domain,
      ...(free ? {} : { ladder: [program.batch] }),
    })
    return { oracle, release: () => oracle.release() }
  } catch (error) {
    if (!(error instanceof LipError) || error.code !== 'MODEL_UNSUPPORTED') throw error
    return { oracle: logitsOnly(plain, domain, error.message), release: async () => {} }
  }
}

function unknownOutput(program: Program, output: string): LipError {
  const first = program.refused[0]
  const why = first ? `node '${first.name}' (${first.op}) ${first.reason}` : 'it is not computed'
  return new LipError('MODEL_UNSUPPORTED', `Output '${output}' cannot be differentiated: ${why}.`)
}

/** For networks without a gradient: the plain network, sample by sample. */
function logitsOnly(plain: Session, domain: Domain, reason: string): Oracle {
  const { size, classes, dims } = domain
  const capacity = 32
  const batch: Batch = {
    rows: capacity,
    points: new Float32Array(capacity * size),
    fixed: new Float32Array(0),
    exclude: new Float32Array(0),
    runnerUp: new Float32Array(0),
    softmax: new Float32Array(0),
    logits: new Float32Array(capacity * classes),
    gradients: new Float32Array(0),
    async run() {
      const { rows } = await batchedForward(plain, batch.points, dims, { batch: 1 })
      batch.logits.set(rows)
    },
  }
  return { size, classes, capacity, gradient: undefined, reason, logits: async () => batch }
}
