import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { prepare } from '../../src/graph/prepare.ts'
import { readModel } from '../../src/onnx/read.ts'

const zoo = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'
const files = existsSync(zoo) ? readdirSync(zoo).filter((file) => file.endsWith('.onnx')) : []

describe.skipIf(files.length === 0)('real files', () => {
  it.each(files)('%s is prepared without a refusal', async (file) => {
    const { model } = await readModel(join(zoo, file))
    const program = prepare(model, { batch: 2 })
    console.log(
      file,
      program.nodes.map((n) => n.site.node.op).join(' '),
      program.outputs.map((o) => o.dims),
    )
    expect(program.refused).toEqual([])
    expect(program.outputs.map((output) => output.dims)).toEqual([[2, 10]])
  })
})
