import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeModel, readModel } from '../../src/onnx/read.ts'
import { encodeModel } from '../../src/onnx/write.ts'

const zoo = process.env.LIP_ONNX_ZOO ?? '../shared/zoo'

describe('real files', () => {
  it.skipIf(!existsSync(zoo))('read, written and read again are the same model', async () => {
    const files = readdirSync(zoo).filter((file) => file.endsWith('.onnx'))
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const { model } = await readModel(join(zoo, file))
      expect(decodeModel(encodeModel(model))).toEqual(model)
    }
  })
})
