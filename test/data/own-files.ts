import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { encode, type ImageData } from 'fast-png'
import { zipSync } from 'fflate'
import { encodeNpy } from '../../src/data/npy.ts'

export type Arrays = Readonly<
  Record<string, readonly [data: Float32Array | Float64Array | Int32Array | Uint8Array, dims: readonly number[]]>
>

/** A .npz as numpy.savez_compressed writes it. */
export async function writeNpz(path: string, arrays: Arrays): Promise<string> {
  const files = Object.entries(arrays).map(([key, [data, dims]]) => [`${key}.npy`, encodeNpy(data, dims)] as const)
  await writeFile(path, zipSync(Object.fromEntries(files)))
  return path
}

/** A PNG of one value (or one colour) throughout. */
export const plain = (width: number, height: number, colour: number | readonly number[]): Uint8Array => {
  const channels = typeof colour === 'number' ? 1 : colour.length
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) =>
    typeof colour === 'number' ? colour : colour[i % channels]!,
  )
  return encode({ width, height, channels, depth: 8, data } as ImageData)
}

/** Writes files by their paths in a folder; a path that ends with a slash makes an empty folder. */
export async function writeTree(root: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name)
    await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true })
    if (!name.endsWith('/')) await writeFile(path, content)
  }
  return root
}
