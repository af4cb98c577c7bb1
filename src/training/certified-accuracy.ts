import type { Dataset } from '../data/dataset.ts'
import { describeNetwork } from '../export/describe.ts'
import { certifiedModel } from '../export/export-model.ts'
import { prepare } from '../graph/prepare.ts'
import type { Sequential } from '../layers/sequential.ts'
import { analyse } from '../lipschitz/analyse.ts'
import { encodeModel } from '../onnx/write.ts'
import { openSession } from '../runtime/session.ts'
import { summariseCertificates } from '../verify/certificate-summary.ts'
import { certifySamples } from '../verify/certify-samples.ts'
import { execute } from '../verify/execute.ts'
import { checkRows } from '../verify/row-check.ts'
import { certifiedKey } from './certified-key.ts'
import type { TrainingConfig } from './config.ts'

/**
 * Certified accuracy of the network as it is now: exported in memory as `export` would write it, proved and executed as `verify`
 * does, no shortcut. Seconds for a small network, more for a deep one.
 */
export async function certifiedAccuracy(
  network: Sequential,
  config: TrainingConfig,
  test: Dataset,
  { radii, samples }: NonNullable<TrainingConfig['certify']>,
): Promise<Readonly<Record<string, number>>> {
  const { inputShape, mode, kCoefLip } = config.network
  const { model } = await certifiedModel(describeNetwork(config.name, network.layers, inputShape), {
    mode: mode === 'strict' ? 'strict' : 'deel-lip',
    kCoefLip,
  })
  const session = await openSession(encodeModel(model), { provider: 'cpu' })
  try {
    const analysis = await analyse(prepare(model, { batch: 1 }), { profile: session.profile })
    const indices = Array.from({ length: Math.min(samples ?? test.count, test.count) }, (_, i) => i)
    const chosen = { data: test, image: undefined, indices }
    const executed = await execute(session, chosen, { batch: checkRows(model).batch })
    const { certifiedAccuracy: found } = summariseCertificates(certifySamples(analysis, chosen, executed), radii)
    return Object.fromEntries(radii.map((radius) => [certifiedKey(radius), found[String(radius)]!]))
  } finally {
    await session.release()
  }
}
