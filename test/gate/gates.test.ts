import { describe, expect, it } from 'vitest'
import { baselineGates } from '../../src/gate/baseline.ts'
import { CLAIM_KEY, readClaims } from '../../src/gate/claims.ts'
import { type Demands, type Evidence, evaluateGates } from '../../src/gate/gates.ts'
import { checkPolicy, readPolicy } from '../../src/gate/policy.ts'
import { applyWaivers } from '../../src/gate/waivers.ts'
import type { AttackReport, GateReport, Report } from '../../src/report/report.ts'
import { verdictOf } from '../../src/report/verdict.ts'
import { sampleReport } from '../report/sample-report.ts'

const report = await sampleReport()
const proved: Evidence = {
  lipschitz: report.lipschitz,
  layers: report.layers.slice(0, 3),
  refused: [],
  claims: undefined,
  attacks: [],
  profile: 'f32-any-order',
}
const demands: Demands = { of: 'logit', maxLipschitz: 1, policy: {} }
const judge = (evidence: Partial<Evidence>, change: Partial<Demands> = {}) => {
  const gates = evaluateGates({ ...proved, ...evidence }, { ...demands, ...change })
  return { gates, ...verdictOf(gates, false), status: Object.fromEntries(gates.map((gate) => [gate.id, gate.status])) }
}
const bounds = (lower: number, upper: number | null) => ({
  lipschitz: { ...report.lipschitz, logit: { lower, upper } },
})

describe('the bound', () => {
  it.each([
    [0.9, 1, 'pass', 0],
    [0.9, 1 + 2 ** -52, 'inconclusive', 2],
    [1, 1.5, 'inconclusive', 2],
    [1 + 2 ** -52, 1.5, 'violated', 1],
    [1.2, null, 'violated', 1],
    [0, null, 'inconclusive', 2],
    [0, Number.POSITIVE_INFINITY, 'inconclusive', 2],
    [0, Number.NaN, 'inconclusive', 2],
  ] as const)('[%d, %d] against 1 is %s', (lower, upper, verdict, exitCode) => {
    expect(judge(bounds(lower, upper))).toMatchObject({ verdict, exitCode })
  })

  it('the number beside the limit is the side that speaks', () => {
    const gate = (lower: number, upper: number | null) => judge(bounds(lower, upper)).gates[0]!
    expect(gate(0.5, 0.9)).toMatchObject({ status: 'pass', value: 0.9, limit: 1 })
    expect(gate(0.5, 1.5)).toMatchObject({ status: 'inconclusive', value: 1.5 })
    expect(gate(1.2, 1.5)).toMatchObject({ status: 'fail', value: 1.2 })
    expect(gate(0.5, null)).toMatchObject({ status: 'inconclusive', value: null })
    expect(gate(0.5, Number.NaN)).toMatchObject({ status: 'inconclusive', value: null })
  })

  it('is about every output of the file', () => {
    const of = (upper: number | null, change: Partial<Demands> = {}) =>
      judge(
        {
          others: [
            { name: 'fine', upper: 0.1 },
            { name: 'more', upper },
          ],
        },
        change,
      )
    expect(of(1).exitCode).toBe(0)
    expect(of(1 + 2 ** -52)).toMatchObject({ exitCode: 2, status: { outputs: 'inconclusive' } })
    expect(of(null)).toMatchObject({ exitCode: 2, status: { outputs: 'inconclusive' } })
    expect(of(Number.NaN).exitCode).toBe(2)
    expect(of(1.4, { maxLipschitz: 1.5 }).exitCode).toBe(0)
    // A difference of two elements moves by sqrt 2 times all of them.
    expect(of(1.4, { of: 'pair', maxLipschitz: 1.5 }).exitCode).toBe(2)
    expect(of(1, { of: 'pair', maxLipschitz: 1.5 }).exitCode).toBe(0)
    // The map to the features has one output.
    expect(of(null, { of: 'features', maxLipschitz: 2 }).exitCode).toBe(0)
  })

  it('is the one that was asked for', () => {
    expect(judge({}, { of: 'pair' }).verdict).toBe('inconclusive')
    expect(judge({}, { of: 'pair', maxLipschitz: 1.5 }).verdict).toBe('pass')
  })
})

describe('unknown is not one', () => {
  it('a refused node is named and makes the verdict inconclusive', () => {
    const { verdict, gates } = judge({ refused: [{ name: 'odd', op: 'Custom', reason: 'no rule' }] })
    expect(verdict).toBe('inconclusive')
    expect(gates.find((gate) => gate.id === 'operators')!.message).toContain("'odd' (Custom)")
  })

  it('rows that are not proved independent are inconclusive', () => {
    expect(judge({ rowsDependent: 'ReduceMean over the batch' }).exitCode).toBe(2)
  })

  it('no gate at all is inconclusive', () => {
    expect(verdictOf([], false).exitCode).toBe(2)
  })
})

describe('claims', () => {
  const claims = (value: unknown) =>
    readClaims(new Map([[CLAIM_KEY, typeof value === 'string' ? value : JSON.stringify(value)]]))

  it('are read, or said to be unreadable', () => {
    expect(readClaims(new Map())).toBeUndefined()
    expect(claims({ network: { of: 'logit', upper: 1 }, layers: { a: 1 } })).toEqual({
      network: { of: 'logit', upper: 1 },
      layers: { a: 1 },
    })
    for (const wrong of [
      '',
      '{',
      '[]',
      '{"layers": {"a": 1e999}}',
      '{"network": {"of": "logit", "upper": 1e999}}',
      '1',
      'null',
      { layers: { a: 'one' } },
      { layers: [1] },
      { network: { of: 'all', upper: 1 } },
      { network: { of: 'logit', upper: -1 } },
    ]) {
      expect([wrong, claims(wrong)]).toEqual([wrong, expect.stringMatching(/unreadable/)])
    }
  })

  it('a disproved claim of a layer is a violation even where the network passes', () => {
    const layers = [{ ...report.layers[0]!, lower: 1.04, upper: 1.05 }]
    expect(judge({ layers, claims: { layers: { conv1: 1 } } })).toMatchObject({
      verdict: 'violated',
      status: { lipschitz: 'pass', 'claim:conv1': 'fail' },
    })
  })

  it('never prove anything', () => {
    const claimed = { network: { of: 'logit', upper: 0.5 } as const, layers: {} }
    expect(judge({ ...bounds(0, null), claims: claimed }).verdict).toBe('inconclusive')
    expect(judge({ ...bounds(0.4, 0.9), claims: claimed }).status).toMatchObject({
      lipschitz: 'pass',
      'claim:network': 'noted',
    })
    expect(judge({ ...bounds(0.6, 0.9), claims: claimed }).verdict).toBe('violated')
    // A claim is about what it says it is about.
    const pair = { network: { of: 'pair', upper: 0.5 } as const, layers: {} }
    const lipschitz = { ...report.lipschitz, logit: { lower: 0.1, upper: 0.2 }, pair: { lower: 0.6, upper: 0.9 } }
    expect(judge({ lipschitz, claims: pair }).status['claim:network']).toBe('fail')
  })

  it('that cannot be read are not green; those about layers that are not there are noted', () => {
    expect(judge({ claims: { layers: { ghost: 1 } } })).toMatchObject({
      exitCode: 0,
      status: { 'claim:ghost': 'noted' },
    })
    expect(judge({ claims: 'unreadable' }).exitCode).toBe(2)
  })
})

describe('policy', () => {
  it('limits layers, with overrides, and does not overlook a misspelt one', () => {
    const layers = [{ ...report.layers[0]!, lower: 1.0244, upper: 1.0245 }]
    expect(judge({ layers }, { policy: { layers: { max: 1 } } }).verdict).toBe('violated')
    expect(judge({ layers }, { policy: { layers: { max: 1, overrides: { conv1: 1.03 } } } }).verdict).toBe('pass')
    expect(judge({ layers }, { policy: { layers: { overrides: { conv_1: 1.03 } } } }).verdict).toBe('inconclusive')
  })

  it('demands certified accuracy, and data to measure it on', () => {
    const { certificates } = report
    const share = certificates!.certifiedAccuracy['0.25']!
    const at = (limit: number) => judge({ certificates }, { policy: { certified: { minAccuracy: { '0.25': limit } } } })
    expect(at(share).verdict).toBe('pass')
    expect(at(share + 1e-9).verdict).toBe('violated')
    expect(judge({}, { policy: { certified: { minMeanRadius: 0.1 } } }).exitCode).toBe(2)
  })

  it('asks for a profile; where nothing ran, none is violated and none is met', () => {
    const asked = { policy: { runtime: { profile: 'f32-any-order' } } }
    expect(judge({ profile: 'cuda-f32' }, asked)).toMatchObject({ verdict: 'violated', status: { profile: 'fail' } })
    expect(judge({ profile: 'f32-any-order' }, asked)).toMatchObject({ verdict: 'pass', status: { profile: 'pass' } })
    expect(judge({ profile: 'none' }, asked)).toMatchObject({ exitCode: 2, status: { profile: 'inconclusive' } })
  })

  it('counts no misclassified sample as certified, not at radius 0 either', () => {
    const one = report.certificates!.samples.find((sample) => sample.radius > 0)!
    const samples = [one, { ...one, predicted: one.label + 1, radius: 0 }]
    const certificates = { ...report.certificates!, count: 2, correct: 1, samples }
    const at = (limit: number) => judge({ certificates }, { policy: { certified: { minAccuracy: { '0': limit } } } })
    expect(at(0.5).verdict).toBe('pass')
    expect(at(0.51).verdict).toBe('violated')
  })

  it('each certified demand is held against its own number, and at its limit it is met', () => {
    const { certificates } = report
    const { mean, correct, count } = certificates!
    const of = (certified: NonNullable<Demands['policy']['certified']>) =>
      judge({ certificates }, { policy: { certified } })
    expect(of({ minMeanRadius: mean }).status).toMatchObject({ 'mean-radius': 'pass' })
    expect(of({ minMeanRadius: mean + 1e-9 }).status).toMatchObject({ 'mean-radius': 'fail' })
    expect(of({ minCleanAccuracy: correct / count }).status).toMatchObject({ accuracy: 'pass' })
    expect(of({ minCleanAccuracy: correct / count + 1e-9 }).status).toMatchObject({ accuracy: 'fail' })
  })

  it('limits a layer of any name', () => {
    const layers = ['constructor', 'toString', '__proto__'].map((name) => ({ ...report.layers[0]!, name, upper: 0.9 }))
    expect(judge({ layers }, { policy: { layers: { max: 1 } } }).verdict).toBe('pass')
    const overrides = JSON.parse('{"__proto__": 0.8}') as Record<string, number>
    expect(judge({ layers }, { policy: { layers: { max: 1, overrides } } }).verdict).not.toBe('pass')
    expect(judge({ layers }, { policy: {} }).gates.filter(({ id }) => id.startsWith('layer:'))).toEqual([])
  })

  it('a limit of a layer that a policy writes as a decimal is that decimal', () => {
    const layers = [{ ...report.layers[0]!, lower: 0.5, upper: 1.1 }]
    // The double 1.1 lies above the decimal.
    expect(judge({ layers }, { policy: { layers: { max: 1.1 } } }).verdict).toBe('inconclusive')
  })

  it('rejects unknown keys and wrong values by name', async () => {
    await expect(checkPolicy({ lipschitz: { max: 1, fo: 'pair' } }, 'p.json')).rejects.toThrow(/there is no key 'fo'/)
    await expect(checkPolicy({ lipschitz: { max: 0 } }, 'p.json')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      exitCode: 4,
    })
    await expect(checkPolicy({ lipshitz: { max: 1 } }, 'p.json')).rejects.toThrow(/lipshitz/)
    await expect(checkPolicy(null, 'p.json')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(readPolicy('no-such-policy.json')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    expect(await checkPolicy({ lipschitz: { max: 1.5, of: 'pair' }, layers: { max: 1 } }, 'p.json')).toBeTruthy()
  })
})

describe('certificates', () => {
  it('of which none holds are not green', () => {
    const samples = report.certificates!.samples.map((sample) => ({ ...sample, radius: 0 }))
    expect(judge({ certificates: { ...report.certificates!, samples } }).exitCode).toBe(2)
    expect(judge({ certificates: { ...report.certificates!, count: 0, samples: [] } }).exitCode).toBe(2)
    expect(judge({ certificates: report.certificates }).exitCode).toBe(0)
  })
})

describe('alarms', () => {
  const attack = (change: Partial<AttackReport>): AttackReport => ({ ...report.attacks[0]!, ...change })
  const sample = (status: AttackReport['samples'][number]['status']) => [{ index: 3, status, distance: 0.1, target: 1 }]

  it('are the loudest, whatever else fails', () => {
    const attacks = [attack({ samples: sample('confirmed-violation'), minRatio: 0.9 })]
    expect(judge({ attacks, ...bounds(2, 3), refused: [{ name: 'a', op: 'B', reason: 'c' }] })).toMatchObject({
      verdict: 'alarm',
      exitCode: 5,
    })
  })

  it.each([
    ['confirmed-violation', 0.99, 5],
    ['candidate-violation', 0.99, 5],
    ['confirmed-violation', null, 5],
    ['candidate-violation', null, 5],
    ['open', 0.9999999, 5],
    ['open', 1, 0],
    ['nan', null, 2],
    ['not-found', null, 0],
    ['misclassified', null, 0],
  ] as const)('%s with ratio %d ends with %d', (status, minRatio, exitCode) => {
    expect(judge({ attacks: [attack({ samples: sample(status), minRatio })] }).exitCode).toBe(exitCode)
  })

  it('say whether the proof or the profile is refuted, and where', () => {
    const message = (status: AttackReport['samples'][number]['status']) =>
      judge({ attacks: [attack({ samples: sample(status), minRatio: 0.9 })] }).gates.find(
        ({ id }) => id === 'attack:auto',
      )!.message
    expect(message('confirmed-violation')).toMatch(
      /float64 evaluation confirms it \(sample 3\): the certificate is wrong/,
    )
    expect(message('candidate-violation')).toMatch(/\(sample 3\): the numeric profile is refuted/)
  })

  it('an attack on no sample has found nothing out', () => {
    expect(judge({ attacks: [attack({ samples: [], minRatio: null })] })).toMatchObject({
      exitCode: 2,
      status: { 'attack:auto': 'inconclusive' },
    })
  })

  it('a runtime that was held against nothing is not confirmed', () => {
    expect(judge({ conformance: { samples: 0, worstRatio: 0 } }).exitCode).toBe(2)
  })

  it('come from a runtime that differs more than was proved, NaN included', () => {
    expect(judge({ conformance: { samples: 5, worstRatio: 1 } }).exitCode).toBe(0)
    expect(judge({ conformance: { samples: 5, worstRatio: 1.0001 } }).exitCode).toBe(5)
    expect(judge({ conformance: { samples: 5, worstRatio: Number.NaN } }).exitCode).toBe(5)
    expect(judge({ conformance: { samples: 5, worstRatio: Number.POSITIVE_INFINITY } }).exitCode).toBe(5)
  })
})

describe('verdictOf', () => {
  const gate = (status: GateReport['status']): GateReport => ({
    id: 'g',
    status,
    limit: null,
    value: null,
    message: '',
  })
  it('ranks alarm, violation, time, unknown', () => {
    expect(verdictOf([gate('pass')], true).exitCode).toBe(3)
    expect(verdictOf([gate('inconclusive')], true).exitCode).toBe(3)
    expect(verdictOf([gate('fail'), gate('inconclusive')], true).exitCode).toBe(1)
    expect(verdictOf([gate('alarm'), gate('fail')], true).exitCode).toBe(5)
    expect(verdictOf([gate('waived'), gate('pass')], false).exitCode).toBe(0)
  })
})

describe('waivers', () => {
  const gates = evaluateGates(
    { ...proved, ...bounds(1.1, 1.2), attacks: [{ ...report.attacks[0]!, minRatio: 0.5 }] },
    demands,
  )
  const waiver = { gate: 'lipschitz', reason: 'known', expires: '2030-01-31' }

  it('silence a finding until they run out, and change no number', () => {
    const before = applyWaivers(gates, [waiver], '2030-01-31')
    expect(before[0]).toMatchObject({ status: 'waived', value: 1.1, limit: 1 })
    expect(before.length).toBe(gates.length)
    const after = applyWaivers(gates, [waiver], '2030-02-01')
    expect(after[0]!.status).toBe('fail')
    expect(after.at(-1)).toMatchObject({ id: 'waiver:lipschitz', status: 'inconclusive' })
  })

  it('that meet no gate are noted, as a misspelt one is', () => {
    const after = applyWaivers(gates, [{ ...waiver, gate: 'lipshitz' }], '2030-01-01')
    expect(after[0]!.status).toBe('fail')
    expect(after.at(-1)).toMatchObject({ id: 'waiver:lipshitz', status: 'noted' })
    expect(applyWaivers(gates, [waiver], '2030-01-01').some(({ id }) => id.startsWith('waiver:'))).toBe(false)
  })

  it('leave a gate that passes alone', () => {
    const passing = evaluateGates({ ...proved }, demands)
    expect(applyWaivers(passing, [waiver], '2030-01-01')).toEqual(passing)
  })

  it('of a gate: one that has run out beside one that holds', () => {
    const after = applyWaivers(gates, [{ ...waiver, expires: '2029-01-01' }, waiver], '2030-01-01')
    expect(after[0]!.status).toBe('waived')
    expect(after[0]!.message).toMatch(/Waived until 2030-01-31: known$/)
    expect(after.at(-1)).toMatchObject({ id: 'waiver:lipschitz', status: 'inconclusive' })
  })

  it('cannot silence an alarm', () => {
    expect(
      applyWaivers(gates, [{ ...waiver, gate: 'attack:auto' }], '2030-01-01').find((gate) => gate.id === 'attack:auto')!
        .status,
    ).toBe('alarm')
  })
})

describe('the baseline', () => {
  it('lets nothing grow or fall beyond what is allowed', () => {
    const worse = {
      ...report,
      ...bounds(0.7, 0.99998),
      certificates: { ...report.certificates!, certifiedAccuracy: { '0.25': 0.5 } },
    }
    const before = {
      ...report,
      ...bounds(0.7, 0.99),
      certificates: { ...report.certificates!, certifiedAccuracy: { '0.25': 0.52 } },
    }
    const of = (tolerance: object) =>
      baselineGates(worse, before, { file: 'b', ...tolerance }).map((gate) => gate.status)
    expect(of({})).toEqual(['fail', 'fail'])
    expect(of({ maxBoundIncrease: 0.02, maxAccuracyDrop: 0.03 })).toEqual(['pass', 'pass'])
    expect(baselineGates({ ...worse, ...bounds(0, null) }, before, { file: 'b' })[0]!.status).toBe('inconclusive')
    const { certificates: _, ...without } = worse
    expect(baselineGates(without, before, { file: 'b' })[1]!.status).toBe('inconclusive')
  })

  const measured = (change: Partial<Report> = {}): Report => ({ ...report, ...bounds(0.7, 0.99), ...change })
  const certified = (certifiedAccuracy: Record<string, number>) => ({ ...report.certificates!, certifiedAccuracy })
  const statuses = (now: Report, before: Report, tolerance: object = {}) =>
    Object.fromEntries(
      baselineGates(now, before, { file: 'b', ...tolerance }).map(({ id, status }) => [
        id.replace('baseline:', ''),
        status,
      ]),
    )

  it('is met where nothing changed, and by exactly what is allowed', () => {
    const same = measured({ certificates: certified({ '0.25': 0.5, '1': 0.1 }) })
    expect(statuses(same, same)).toEqual({
      lipschitz: 'pass',
      'certified-accuracy:0.25': 'pass',
      'certified-accuracy:1': 'pass',
    })
    const grown = measured(bounds(0.7, 0.99 * 1.5))
    expect(statuses(grown, measured(), { maxBoundIncrease: 0.5 }).lipschitz).toBe('pass')
    expect(statuses(grown, measured(), { maxBoundIncrease: 0.49 }).lipschitz).toBe('fail')
    expect(statuses(measured(), measured(bounds(0, null))).lipschitz).toBeUndefined()
  })

  it('of other samples, another shard, other classes or other radii is not compared', () => {
    const before = measured({ certificates: certified({ '0.25': 0.5 }), shard: { index: 1, count: 2 } })
    const dataset = report.dataset!
    for (const change of [
      { shard: { index: 2, count: 2 } },
      { shard: { index: 1, count: 3 } },
      { dataset: { ...dataset, name: 'other' } },
      { dataset: { ...dataset, split: 'train' } },
      { dataset: { ...dataset, samples: dataset.samples + 1 } },
      { dataset: { ...dataset, classes: ['b', 'a'] } },
      { certificates: certified({ '0.3': 1 }) },
    ])
      expect([change, statuses({ ...before, ...change }, before)]).toEqual([
        change,
        { lipschitz: 'pass', 'certified-accuracy': 'inconclusive' },
      ])
    const { shard: _, ...whole } = before
    expect(statuses(whole, before)['certified-accuracy']).toBe('inconclusive')
  })

  it('without certificates is said to be so, and fails a demand about accuracy', () => {
    const { certificates: _, ...bare } = measured()
    expect(statuses(measured(), bare)).toEqual({ lipschitz: 'pass', 'certified-accuracy': 'noted' })
    expect(statuses(bare, bare)).toEqual({ lipschitz: 'pass' })
    for (const now of [measured(), bare])
      expect(statuses(now, bare, { maxAccuracyDrop: 0 })['certified-accuracy']).toBe('inconclusive')
  })
})
