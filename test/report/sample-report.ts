import { shapes } from '../../src/data/shapes.ts'
import { randomStream } from '../../src/linalg/random.ts'
import type { CertificateReport, PictureReport, Report } from '../../src/report/report.ts'

/** A report as a run on the built-in shapes could leave it: every optional part is there. */
export async function sampleReport(): Promise<Report> {
  const data = await shapes.load({ split: 'test', samples: 300 })
  const stream = randomStream(8)
  const samples = Array.from({ length: data.count }, (_, index): CertificateReport => {
    const label = data.label(index)
    const right = stream.uniform() < 0.86
    const margin = Math.abs(stream.normal()) * 0.7
    return {
      index,
      label,
      predicted: right ? label : (label + 1) % 10,
      margin,
      radius: right ? margin / 1.42 : 0,
      seedRadius: margin / 2,
      radiusLinf: right ? margin / 1.42 / 28 : 0,
      radiusL1: right ? margin / 1.42 : 0,
      rule: 'pair',
    }
  })
  const correct = samples.filter((sample) => sample.predicted === sample.label)
  const radii = correct.map((sample) => sample.radius).sort((a, b) => a - b)
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const pictures = Array.from({ length: 10 }, (_, label): PictureReport => {
    const index = samples.findIndex((sample) => sample.label === label && sample.predicted === label)
    const original = [...data.image(index)]
    const radius = samples[index]!.radius
    const towards = data.image((index * 7 + 13) % 300)
    const adversarial = original.map((value, p) => Math.min(1, Math.max(0, value + 0.25 * (towards[p]! - value))))
    const distance = Math.hypot(...original.map((value, p) => value - adversarial[p]!))
    return {
      index,
      label,
      className: data.classes[label]!,
      adversarialClass: label === 4 ? null : data.classes[(label + 3) % 10]!,
      radius,
      distance: label === 4 ? null : Math.max(distance, 1.05 * radius),
      dims: [28, 28, 1],
      original,
      adversarial: label === 4 ? null : adversarial,
    }
  })
  return {
    schemaVersion: '1.0',
    tool: { name: 'lip-onnx', version: '0.1.0' },
    command: 'lip-onnx verify runs/shapes/model.onnx --dataset shapes --samples 300 --attack auto --report report.html',
    seed: 0,
    model: {
      path: 'runs/shapes/model.onnx',
      sha256: '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      opset: 18,
      irVersion: 8,
      producer: 'lip-onnx 0.1.0',
      parameters: 105_856,
      input: { name: 'input', dims: ['N', 1, 28, 28] },
      output: { name: 'logits', dims: ['N', 10] },
    },
    verdict: 'pass',
    exitCode: 0,
    runtime: {
      provider: 'cpu',
      profile: 'f32-any-order',
      reason: "CPU, because CUDA is not available: onnxruntime's CUDA libraries are not installed",
      assumptions: [
        'Each sum of products in the network is computed in IEEE float32, in any order.',
        'Comparisons, maxima, minima and data movement are exact.',
      ],
    },
    lipschitz: {
      norm: 'l2',
      logit: { lower: 0.7213, upper: 0.9999871 },
      features: { lower: 0.7431, upper: 0.9999871 },
      joint: { lower: 0.8112, upper: 1.108 },
      pair: { lower: 0.9843, upper: 1.4512 },
      threshold: 1,
      of: 'logit',
    },
    layers: [
      {
        name: 'conv1',
        op: 'Conv',
        lower: 0.99991,
        upper: 0.9999998,
        method: 'twisted-circulant',
        claim: 1,
        details: { theta: [0, 0], frequencies: 465 },
      },
      { name: 'conv2', op: 'Conv', lower: 0.9943, upper: 0.9998, method: 'twisted-circulant', claim: 1 },
      { name: 'dense1', op: 'Gemm', lower: 0.9981, upper: 0.99999, method: 'dense-cholesky', claim: 1 },
      { name: 'head <last & "best">', op: 'Gemm', lower: 1.1021, upper: 1.1022, method: 'dense-cholesky' },
    ],
    trace: [
      { name: 'conv1', rule: 'segment', constant: 0.9999998, because: 'norm of the linear map, proved by Cholesky' },
      {
        name: 'groupsort1',
        rule: 'fusion',
        constant: 1,
        naive: Math.SQRT2,
        because: 'the outputs are the inputs in sorted order',
        nodes: ['split', 'max', 'min', 'concat'],
      },
      {
        name: 'pool1',
        rule: 'fusion',
        constant: 1,
        naive: null,
        because: 'a norm over disjoint windows is 1-Lipschitz',
      },
    ],
    coverage: { nodes: 24, handled: 24, refused: [] },
    dataset: { name: 'shapes', split: 'test', samples: 300, source: data.source, classes: data.classes },
    certificates: {
      count: samples.length,
      correct: correct.length,
      mean: mean(radii),
      median: radii[Math.floor(radii.length / 2)]!,
      meanSeedRadius: mean(correct.map((sample) => sample.seedRadius)),
      certifiedAccuracy: Object.fromEntries(
        [0.1412, 0.25, 0.2824, 0.4235, 0.5, 1].map((r) => [
          r,
          radii.filter((radius) => radius >= r).length / samples.length,
        ]),
      ),
      samples,
    },
    conformance: { samples: 300, worstRatio: 0.0041, worst: { index: 17, logit: 3 } },
    attacks: [
      {
        name: 'auto',
        provider: 'cpu',
        parameters: { steps: 100, seed: 0 },
        samples: samples.slice(0, 60).map(({ index, label, predicted, radius }) =>
          predicted === label
            ? {
                index,
                status: 'open' as const,
                distance: radius * (1.02 + 0.6 * stream.uniform()) + 0.01,
                target: (label + 1) % 10,
              }
            : { index, status: 'misclassified' as const, distance: 0, target: predicted },
        ),
        minRatio: 1.0231,
        meanDistance: 0.6512,
        gradients: 212,
      },
    ],
    gates: [
      {
        id: 'lipschitz',
        status: 'pass',
        limit: 1,
        value: 0.9999871,
        message: 'the Lipschitz constant of every single output is at most 0.99999, within the limit 1.',
      },
      {
        id: 'conformance',
        status: 'pass',
        limit: 1,
        value: 0.0041,
        message: 'onnxruntime agrees with the float64 reference on 300 samples.',
      },
      {
        id: 'attack:auto',
        status: 'pass',
        limit: 1,
        value: 1.0231,
        message: 'auto: every adversarial lies outside its certificate (smallest ratio 1.0231).',
      },
    ],
    ledger: [
      { step: 'seed rule', meanRadius: 0.271 },
      { step: 'true norms', meanRadius: 0.2711 },
      { step: 'pair norms', meanRadius: 0.3822 },
      { step: 'floating point', meanRadius: 0.3791 },
    ],
    pictures,
    training: {
      runFolder: 'runs/shapes',
      history: Array.from({ length: 12 }, (_, i) => ({
        epoch: i + 1,
        loss: 9 * Math.exp(-i / 3) + 1,
        val_loss: 9.2 * Math.exp(-i / 3.2) + 1.2,
        accuracy: 0.87 - 0.5 * Math.exp(-i / 2),
        val_accuracy: 0.86 - 0.5 * Math.exp(-i / 2.2),
        kr: 1.9 - 1.7 * Math.exp(-i / 4),
        val_kr: 1.85 - 1.7 * Math.exp(-i / 4),
      })),
    },
    timing: { total: 12.5, bound: 0.7 },
  }
}
