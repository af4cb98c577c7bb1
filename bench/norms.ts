/**
 * How long the norm enclosures take and how tight they are. Run through a bundler or a Node that strips types:
 * `node bench/norms.ts [set ...]`, sets: demo, demo4, stack, large (default: demo demo4 stack).
 * @module
 */
import { cpus, totalmem } from 'node:os'
import { normalVector } from '../src/linalg/normal-vector.ts'
import { encloseStructure } from '../src/lipschitz/norms/index.ts'
import type { ConvolutionStructure, LinearStructure } from '../src/ops/operator.ts'

type Named = readonly [string, LinearStructure]

/** A random kernel of unit scale with 'same' padding. */
function same(inputs: number, outputs: number, size: number, kernel = 3, stride = 1, groups = 1): Named {
  const dims = [outputs, inputs / groups, kernel, kernel]
  const scale = 1 / (kernel * Math.sqrt((inputs + outputs) / groups))
  const data = normalVector(
    dims.reduce((n, x) => n * x, 1),
    inputs,
    outputs,
    size,
  ).map((x) => Math.fround(x * scale))
  const pad = (kernel - 1) >> 1
  const structure: ConvolutionStructure = {
    kind: 'convolution',
    weights: { type: 'float32', dims, data },
    groups,
    strides: [stride, stride],
    dilations: [1, 1],
    padsBegin: [pad, pad],
    padsEnd: [pad, pad],
    spatial: [size, size],
    transposed: false,
  }
  const more = `${kernel === 3 ? '' : ` ${kernel}x${kernel}`}${stride === 1 ? '' : ` /${stride}`}${groups === 1 ? '' : ' depthwise'}`
  return [`conv ${inputs}-${outputs} @${size}${more}`, structure]
}

function dense(inputs: number, outputs: number): Named {
  const data = normalVector(inputs * outputs, inputs, outputs).map(Math.fround)
  return [`dense ${inputs}-${outputs}`, { kind: 'matrix', matrix: { type: 'float32', dims: [outputs, inputs], data } }]
}

const SETS: Readonly<Record<string, () => readonly Named[]>> = {
  demo: () => [same(1, 16, 28), same(16, 32, 14), dense(1568, 64), dense(64, 10)],
  demo4: () => [
    same(1, 64, 28),
    same(64, 64, 28),
    same(64, 128, 14),
    same(128, 128, 14),
    same(128, 256, 7),
    same(256, 256, 7),
    dense(256, 512),
  ],
  stack: () => [same(64, 64, 28), same(64, 128, 28), same(128, 128, 28), same(128, 256, 28), same(256, 256, 28)],
  large: () => [
    same(512, 512, 7),
    same(3, 64, 224, 7, 2),
    same(64, 64, 56, 3, 1, 64),
    same(64, 64, 56),
    dense(2048, 1000),
  ],
}

const chosen = process.argv.length > 2 ? process.argv.slice(2) : ['demo', 'demo4', 'stack']
console.log(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, one thread\n`,
)
console.log('| set | operator | lower | upper | gap | proof | seconds |\n|---|---|---|---|---|---|---|')
for (const set of chosen) {
  const structures = SETS[set]?.()
  if (!structures) throw new Error(`There is no set '${set}'; the sets are ${Object.keys(SETS).join(', ')}.`)
  let total = 0
  for (const [name, structure] of structures) {
    const start = performance.now()
    const { lower, upper, method } = encloseStructure(structure)
    const seconds = (performance.now() - start) / 1000
    total += seconds
    const gap = `${((upper / lower - 1) * 100).toPrecision(2)} %`
    console.log(
      `| ${set} | ${name} | ${lower.toFixed(6)} | ${upper.toFixed(6)} | ${gap} | ${method} | ${seconds.toFixed(2)} |`,
    )
  }
  console.log(`| ${set} | all | | | | | ${total.toFixed(2)} |`)
}
