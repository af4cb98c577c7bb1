/**
 * Every demand on a model as a finding: pure functions of what was proved and measured.
 * @module
 */

import { showBound } from '../report/format-number.ts'
import type { AttackReport, GateReport, LayerReport, Report } from '../report/report.ts'
import { boundGate } from './bound-gate.ts'
import type { Claims } from './claims.ts'
import { limitOf } from './limit.ts'
import type { BoundName, Policy } from './policy.ts'

/** What the executed network showed against what was proved of its rounding (docs/soundness.md 12). */
export interface Conformance {
  readonly samples: number
  /** Largest |executed - float64| / proved error over samples and logits; above 1 refutes the profile. */
  readonly worstRatio: number
  /** Split index and logit where it was worst. */
  readonly worst?: { readonly index: number; readonly logit: number }
}

export interface Evidence {
  readonly lipschitz: Pick<Report['lipschitz'], BoundName>
  readonly layers: readonly LayerReport[]
  readonly refused: Report['coverage']['refused']
  /** Outputs of the file beside the one that the bounds are about; `upper` bounds all elements together, null = unknown. */
  readonly others?: readonly { readonly name: string; readonly upper: number | null }[]
  /** Why rows of a batch were not proved independent; undefined when they were. */
  readonly rowsDependent?: string | undefined
  readonly claims: Claims | 'unreadable' | undefined
  readonly certificates?: Report['certificates'] | undefined
  readonly attacks: readonly AttackReport[]
  readonly conformance?: Conformance | undefined
  readonly profile: string
}

export interface Demands {
  readonly of: BoundName
  /** Already rounded down (limit.ts). */
  readonly maxLipschitz: number
  readonly policy: Policy
}

const NAMES: Readonly<Record<BoundName, string>> = {
  logit: 'the Lipschitz constant of every single output',
  features: 'the Lipschitz constant of the map to the input of the last linear layer',
  joint: 'the Lipschitz constant of all outputs together',
  pair: 'the Lipschitz constant of the largest difference of two outputs',
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`

function layerGates(evidence: Evidence, policy: Policy): GateReport[] {
  const { max, overrides = {} } = policy.layers ?? {}
  const gates = evidence.layers.flatMap((layer) => {
    // A layer may be named 'constructor'.
    const limit = Object.hasOwn(overrides, layer.name) ? overrides[layer.name] : max
    if (limit === undefined) return []
    return [
      boundGate(
        `layer:${layer.name}`,
        `the norm of layer '${layer.name}'`,
        layer,
        limitOf(limit, `layers.max`),
        'limit',
      ),
    ]
  })
  const names = new Set(evidence.layers.map((layer) => layer.name))
  for (const name of Object.keys(overrides)) {
    if (names.has(name)) continue
    const message = `The policy limits a layer '${name}', which the model does not have.`
    gates.push({ id: `layer:${name}`, status: 'inconclusive', limit: overrides[name]!, value: null, message })
  }
  return gates
}

/**
 * Claims are checked, not demanded: a disproved one is a violation, one that is neither proved nor disproved is noted and
 * decides nothing (what is demanded of the network has its own gate).
 */
function claimGates(evidence: Evidence): GateReport[] {
  const { claims } = evidence
  if (claims === undefined) return []
  if (claims === 'unreadable') {
    const message = 'The metadata holds a claim that cannot be read.'
    return [{ id: 'claim', status: 'inconclusive', limit: null, value: null, message }]
  }
  const gates: GateReport[] = []
  if (claims.network) {
    const { of, upper } = claims.network
    gates.push(boundGate('claim:network', NAMES[of], evidence.lipschitz[of], upper, "exporter's claim"))
  }
  const layers = new Map(evidence.layers.map((layer) => [layer.name, layer]))
  for (const [name, claim] of Object.entries(claims.layers)) {
    const layer = layers.get(name)
    const id = `claim:${name}`
    const message = `The metadata claims a bound of layer '${name}', which the model does not have.`
    gates.push(
      layer
        ? boundGate(id, `the norm of layer '${name}'`, layer, claim, "exporter's claim")
        : { id, status: 'noted', limit: claim, value: null, message },
    )
  }
  return gates.map((gate) => (gate.status === 'inconclusive' ? { ...gate, status: 'noted' } : gate))
}

/**
 * A find inside a certified radius is an alarm, whether the float64 evaluation confirms it (then the proof is wrong) or only
 * the executed network flips there (then the rounding that the certificate allows for is wrong).
 */
function attackGate(attack: AttackReport): GateReport {
  const id = `attack:${attack.name}`
  const at = (status: string) => attack.samples.filter((sample) => sample.status === status).map(({ index }) => index)
  const confirmed = at('confirmed-violation')
  const executed = at('candidate-violation')
  const nan = at('nan')
  const common = { id, limit: 1, value: attack.minRatio }
  const files = attack.samples.flatMap((sample) => sample.file ?? [])
  const saved =
    files.length === 0
      ? ''
      : ` Saved, with the original beside it: ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', ...' : ''}.`
  const list = (indices: readonly number[]) =>
    `sample ${indices.slice(0, 5).join(', ')}${indices.length > 5 ? ', ...' : ''}`
  if (confirmed.length > 0) {
    const message = `${attack.name} found an adversarial inside a certified radius, and the float64 evaluation confirms it (${list(confirmed)}): the certificate is wrong.${saved}`
    return { ...common, status: 'alarm', message }
  }
  if (executed.length > 0 || (attack.minRatio !== null && attack.minRatio < 1)) {
    const where = executed.length > 0 ? ` (${list(executed)})` : ''
    const message = `${attack.name} found an adversarial of the executed network inside a certified radius${where}: the numeric profile is refuted.${saved}`
    return { ...common, status: 'alarm', message }
  }
  if (attack.samples.length === 0) {
    const message = `${attack.name} attacked no sample.`
    return { ...common, status: 'inconclusive', message }
  }
  if (nan.length > 0) {
    const message = `${attack.name} met outputs that are not numbers (${list(nan)}).`
    return { ...common, status: 'inconclusive', message }
  }
  const message =
    attack.minRatio === null
      ? `${attack.name} found no adversarial of a certified sample.`
      : `${attack.name}: every adversarial lies outside its certificate (smallest ratio ${showBound(attack.minRatio, 'lower')}).`
  return { ...common, status: 'pass', message }
}

function certificateGates(certificates: NonNullable<Report['certificates']>, policy: Policy): GateReport[] {
  const certified = certificates.samples.filter((sample) => sample.radius > 0).length
  const gates: GateReport[] = [
    {
      id: 'certificates',
      status: certified > 0 ? 'pass' : 'inconclusive',
      limit: 1,
      value: certified,
      message:
        certified > 0
          ? `${certified} of ${certificates.count} samples are certified.`
          : `None of ${certificates.count} samples is certified.`,
    },
  ]
  const atLeast = (id: string, what: string, value: number, limit: number, show: (value: number) => string) => {
    const message = `${what} is ${show(value)}; the policy asks for at least ${show(limit)}.`
    gates.push({ id, status: value >= limit ? 'pass' : 'fail', limit, value, message })
  }
  const { minAccuracy = {}, minMeanRadius, minCleanAccuracy } = policy.certified ?? {}
  for (const [radius, limit] of Object.entries(minAccuracy)) {
    // A misclassified sample has the radius 0, which a demand about radius 0 must not count.
    const holds = certificates.samples.filter(
      ({ predicted, label, radius: certified }) => predicted === label && certified >= Number(radius),
    )
    const share = holds.length / certificates.count
    atLeast(`certified-accuracy:${radius}`, `Certified accuracy at L2 radius ${radius}`, share, limit, percent)
  }
  if (minMeanRadius !== undefined) {
    atLeast('mean-radius', 'The mean certified radius', certificates.mean, minMeanRadius, (r) => r.toFixed(4))
  }
  if (minCleanAccuracy !== undefined) {
    atLeast('accuracy', 'Accuracy', certificates.correct / certificates.count, minCleanAccuracy, percent)
  }
  return gates
}

/** A demand about data that was not there is not met, and not silently passed. */
function missingDataGate(policy: Policy): GateReport[] {
  if (!policy.certified) return []
  const message = 'The policy demands certified samples, but no data was given.'
  return [{ id: 'certificates', status: 'inconclusive', limit: null, value: null, message }]
}

/** The limit is about everything that the file puts out; what is bounded in detail is its first output. */
function outputGates({ others = [] }: Evidence, { of, maxLipschitz }: Demands): GateReport[] {
  if (of === 'features') return []
  // A difference of two elements moves by at most sqrt 2 times all of them.
  const factor = of === 'pair' ? Math.SQRT2 * (1 + 2 ** -50) : 1
  const open = others.find(({ upper }) => upper === null || !(upper * factor <= maxLipschitz))
  if (!open) return []
  const { name, upper } = open
  const known = upper === null ? 'no bound is known' : `all that is known is ${showBound(upper, 'upper')}`
  const message = `The model has another output, '${name}', of which ${known}: a file with one output says what is meant.`
  return [{ id: 'outputs', status: 'inconclusive', limit: maxLipschitz, value: upper, message }]
}

/** All gates, in the order of the report. */
export function evaluateGates(evidence: Evidence, demands: Demands): readonly GateReport[] {
  const { policy } = demands
  const gates: GateReport[] = [
    boundGate('lipschitz', NAMES[demands.of], evidence.lipschitz[demands.of], demands.maxLipschitz, 'limit'),
  ]
  gates.push(...outputGates(evidence, demands))
  if (evidence.refused.length > 0) {
    const [first] = evidence.refused
    const rest = evidence.refused.length - 1
    const message = `Node '${first!.name}' (${first!.op}) has no proved rule: ${first!.reason}${rest > 0 ? ` (and ${rest} more)` : ''}.`
    gates.push({ id: 'operators', status: 'inconclusive', limit: 0, value: evidence.refused.length, message })
  }
  if (evidence.rowsDependent !== undefined) {
    gates.push({ id: 'rows', status: 'inconclusive', limit: null, value: null, message: evidence.rowsDependent })
  }
  gates.push(...claimGates(evidence), ...layerGates(evidence, policy))
  if (policy.runtime?.profile !== undefined) {
    gates.push(profileGate(evidence.profile, policy.runtime.profile))
  }
  gates.push(...(evidence.certificates ? certificateGates(evidence.certificates, policy) : missingDataGate(policy)))
  if (evidence.conformance) gates.push(conformanceGate(evidence.conformance))
  gates.push(...evidence.attacks.map(attackGate))
  return gates
}

function profileGate(profile: string, asked: string): GateReport {
  const common = { id: 'profile', limit: asked, value: profile }
  if (profile === 'none') {
    const message = `The policy asks for the numeric profile '${asked}', but nothing was run.`
    return { ...common, status: 'inconclusive', message }
  }
  const message = `The network ran under the numeric profile '${profile}'; the policy asks for '${asked}'.`
  return { ...common, status: profile === asked ? 'pass' : 'fail', message }
}

function conformanceGate({ samples, worstRatio, worst }: Conformance): GateReport {
  const id = 'conformance'
  const common = { id, limit: 1, value: Number.isFinite(worstRatio) ? worstRatio : null }
  // Not "worstRatio > 1": a NaN must not pass.
  if (!(worstRatio <= 1)) {
    const message = `onnxruntime differs from the float64 reference by more than the proved rounding error${worst ? ` (sample ${worst.index}, output ${worst.logit})` : ''}: the numeric profile is refuted.`
    return { ...common, status: 'alarm', message }
  }
  if (samples === 0) {
    const message = 'No sample was held against the float64 reference.'
    return { ...common, status: 'inconclusive', message }
  }
  const message = `onnxruntime agrees with the float64 reference on ${samples} samples, using at most ${percent(worstRatio)} of the proved rounding error.`
  return { ...common, status: 'pass', message }
}
