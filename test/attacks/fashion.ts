/**
 * Fashion-MNIST's first test images, and networks of other exporters to attack on them; both may be absent.
 * @module
 */
import { existsSync } from 'node:fs'
import { type AttackInput, type OpenedVictim, openVictim, type SampleCertificate } from '../../src/attacks/index.ts'
import { loadDataset } from '../../src/data/index.ts'
import { prepare } from '../../src/graph/prepare.ts'
import { analyse, certify } from '../../src/lipschitz/index.ts'
import { vectorNormUpper } from '../../src/lipschitz/norms/index.ts'
import { readModel } from '../../src/onnx/read.ts'

const ZOO = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'
const DATA = process.env.LIP_ONNX_DATA ?? '../shared/data'

export const present =
  existsSync(`${ZOO}/torchlip-mlp.onnx`) && existsSync(`${DATA}/fashion-mnist/t10k-images-idx3-ubyte.gz`)

/** The first `count` test images. */
export async function testImages(count: number): Promise<AttackInput[]> {
  const data = await loadDataset('fashion-mnist', { split: 'test', samples: count, dataDir: DATA, offline: true })
  return Array.from({ length: count }, (_, index) => ({ index, label: data.label(index), image: data.image(index) }))
}

/** A file of the zoo as a victim. */
export async function zooVictim(name: string, threads = 1): Promise<OpenedVictim> {
  return openVictim(await readModel(`${ZOO}/${name}.onnx`), { provider: 'cpu', threads })
}

/** What `verify` certifies of the correctly classified samples, by index. */
export async function zooCertificates(
  name: string,
  victim: OpenedVictim,
  samples: readonly AttackInput[],
): Promise<Map<number, SampleCertificate>> {
  const { model } = await readModel(`${ZOO}/${name}.onnx`)
  const analysis = await analyse(prepare(model, { batch: 1 }))
  const certificates = new Map<number, SampleCertificate>()
  for (const { index, label, image } of samples) {
    const logits = await victim.logits(image)
    const { radius } = certify(analysis, { index, label, logits, inputNorm: vectorNormUpper(image) })
    if (radius > 0) certificates.set(index, { radius })
  }
  return certificates
}
