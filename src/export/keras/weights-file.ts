import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LipError } from '../../errors.ts'
import type { WeightArray } from '../description.ts'

/** An HDF5 file as a tree of names: the arrays below a group, by path, and text attributes. */
export interface WeightsFile {
  /** Names directly below a group ('' is the root); empty when there is none. */
  list(group: string): readonly string[]
  /**
   * Nothing for a group and for whole numbers (counts, seeds).
   * @throws LipError DATA_INVALID for numbers of fewer than 32 bits
   */
  array(path: string): WeightArray | undefined
  attribute(path: string, name: string): string | undefined
}

interface H5Node {
  readonly attrs: Readonly<Record<string, { readonly value: unknown }>>
  keys?(): string[]
  get?(path: string): H5Node | null
  readonly shape?: number[] | null
  /** '<f' and '<d' are float32 and float64. */
  readonly dtype?: unknown
  readonly value?: unknown
}

const FLOATS = /^[<>=|]?[fd]$/
const WHOLE_NUMBERS = /^[<>=|]?[iIlLqQ]$/

/**
 * Reads an HDF5 file in memory through h5wasm, and closes it before returning to the caller of `use`.
 *
 * @throws LipError DATA_INVALID when the bytes are not HDF5
 */
export async function withWeightsFile<T>(bytes: Uint8Array, path: string, use: (file: WeightsFile) => T): Promise<T> {
  const h5wasm = await import('h5wasm/node')
  await h5wasm.ready
  const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-'))
  try {
    const copy = join(folder, 'weights.h5')
    await writeFile(copy, bytes)
    let file: InstanceType<typeof h5wasm.File>
    try {
      file = new h5wasm.File(copy, 'r')
      file.keys()
    } catch (cause) {
      throw new LipError('DATA_INVALID', `'${path}' does not hold an HDF5 file that can be read.`, {
        hint: 'Save the model again with Keras, as .keras or .h5.',
        cause,
      })
    }
    try {
      return use(view(file as unknown as H5Node, path))
    } finally {
      file.close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function view(root: H5Node, source: string): WeightsFile {
  const at = (path: string): H5Node | null => (path === '' ? root : (root.get?.(path) ?? null))
  return {
    list: (group) => at(group)?.keys?.() ?? [],
    array(path) {
      const node = at(path)
      if (!node?.shape || WHOLE_NUMBERS.test(String(node.dtype))) return undefined
      if (!FLOATS.test(String(node.dtype))) {
        throw new LipError(
          'DATA_INVALID',
          `The weight '${path}' of '${source}' is stored in fewer than 32 bits: what it was trained to promise is lost.`,
          { hint: 'Save the model in float32, before it is quantised.' },
        )
      }
      const value = node.value
      if (!ArrayBuffer.isView(value)) return undefined
      return { dims: node.shape, data: Float32Array.from(value as unknown as ArrayLike<number>) }
    },
    attribute(path, name) {
      const value = at(path)?.attrs[name]?.value
      return typeof value === 'string' ? value : undefined
    },
  }
}
