import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { cifar10 } from '../../src/data/cifar-10.ts'
import { untar } from '../../src/data/tar.ts'

/** Two records by the format's definition: a label, then 1024 red, 1024 green, 1024 blue. */
const batch = Buffer.concat(
  [3, 9].map((label) =>
    Buffer.concat([Buffer.from([label]), Buffer.alloc(1024, 255), Buffer.alloc(1024, 51), Buffer.alloc(1024, label)]),
  ),
)

function tar(files: Readonly<Record<string, Buffer>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0, 'latin1')
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
    header.write('0ustar\0', 156, 'latin1')
    header.write('ustar\0', 257, 'latin1')
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

describe('cifar-10', () => {
  it('reads unpacked files and the archive alike', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-cifar-'))
    await mkdir(join(folder, 'cifar-10-batches-bin'))
    await writeFile(join(folder, 'cifar-10-batches-bin', 'test_batch.bin'), batch)
    const packed = await mkdtemp(join(tmpdir(), 'lip-onnx-cifar-'))
    await writeFile(
      join(packed, 'cifar-10-binary.tar.gz'),
      gzipSync(tar({ 'cifar-10-batches-bin/test_batch.bin': batch })),
    )
    const [a, b] = await Promise.all([folder, packed].map((dataDir) => cifar10.load({ split: 'test', dataDir })))
    expect(a!.images).toEqual(b!.images)
    expect(a).toMatchObject({ count: 2, dims: [3, 32, 32], source: 'local files that differ from the published ones' })
    expect([...a!.labels]).toEqual([3, 9])
    expect([a!.image(1)[0], a!.image(1)[1024], a!.image(1)[2048]]).toEqual([1, Math.fround(0.2), Math.fround(9 / 255)])
  })

  it('refuses cut files, cut archives and archives without the files', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lip-onnx-cifar-'))
    await writeFile(join(folder, 'test_batch.bin'), batch.subarray(0, 4000))
    await expect(cifar10.load({ split: 'test', dataDir: folder })).rejects.toMatchObject({ code: 'DATA_INVALID' })
    await expect(cifar10.load({ split: 'train', dataDir: folder })).rejects.toMatchObject({ code: 'DATA_UNAVAILABLE' })
    expect(() => untar(tar({ a: batch }).subarray(0, 3000), 'x')).toThrow(/not a complete tar archive/)
    expect(() => untar(Buffer.alloc(2048, 65), 'x')).toThrow(/not a complete tar archive/)
    const packed = await mkdtemp(join(tmpdir(), 'lip-onnx-cifar-'))
    await writeFile(join(packed, 'cifar-10-binary.tar.gz'), gzipSync(tar({ other: batch })))
    await expect(cifar10.load({ split: 'test', dataDir: packed })).rejects.toThrow(
      /lacks cifar-10-batches-bin\/test_batch.bin/,
    )
  })
})
