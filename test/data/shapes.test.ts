import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/data/download.ts'
import { shapes } from '../../src/data/shapes.ts'

describe('the built-in shapes', () => {
  it('are the same bytes on every machine', async () => {
    const set = await shapes.load({ split: 'test', samples: 100 })
    expect(sha256(Uint8Array.from(set.images, (value) => Math.round(value * 255)))).toMatchInlineSnapshot(
      `"32bf08bfd11e922b5c60707aedf2c77329a844726037d2ede6a2798338415daa"`,
    )
    expect([...set.labels.subarray(0, 8)]).toMatchInlineSnapshot(`
      [
        8,
        9,
        7,
        5,
        3,
        7,
        8,
        4,
      ]
    `)
  })

  it('begin the same however many are asked for, and the splits differ', async () => {
    const few = await shapes.load({ split: 'test', samples: 5 })
    const more = await shapes.load({ split: 'test', samples: 50 })
    const train = await shapes.load({ split: 'train', samples: 5 })
    expect(more.images.subarray(0, 5 * 784)).toEqual(few.images)
    expect(train.images).not.toEqual(few.images)
  })

  it('hold every class about equally often, in [0, 1], and can be told apart', async () => {
    const set = await shapes.load({ split: 'test' })
    expect(set.count).toBe(2000)
    for (let c = 0; c < 10; c++) {
      const share = set.labels.filter((label) => label === c).length / set.count
      expect(share).toBeGreaterThan(0.07)
      expect(share).toBeLessThan(0.13)
    }
    expect(set.images.every((value) => value >= 0 && value <= 1)).toBe(true)
    // Nearest class mean is a weak classifier: above chance, far from solved.
    const train = await shapes.load({ split: 'train', samples: 3000 })
    const means = Array.from({ length: 10 }, () => new Float64Array(784))
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < train.count; i++) {
      const mean = means[train.label(i)]!
      counts[train.label(i)]!++
      train.image(i).forEach((value, p) => {
        mean[p]! += value
      })
    }
    const nearest = (image: Float32Array) => {
      const distances = means.map((mean, c) => mean.reduce((sum, m, p) => sum + (m / counts[c]! - image[p]!) ** 2, 0))
      return distances.indexOf(Math.min(...distances))
    }
    let right = 0
    for (let i = 0; i < 1000; i++) if (nearest(set.image(i)) === set.label(i)) right++
    expect(right / 1000).toBeGreaterThan(0.2)
    expect(right / 1000).toBeLessThan(0.75)
  })
})
