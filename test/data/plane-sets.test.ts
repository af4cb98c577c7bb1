import { describe, expect, it } from 'vitest'
import { diracSquares } from '../../src/data/dirac-squares.ts'
import { twoMoons } from '../../src/data/two-moons.ts'

describe('two moons', () => {
  it('lie on their half circles, the classes even and apart', async () => {
    const data = await twoMoons.load({ split: 'train' })
    let inner = 0
    for (let i = 0; i < data.count; i++) {
      const [x, y] = data.image(i) as unknown as [number, number]
      const label = data.label(i)
      inner += label
      const away = (kind: number) => Math.abs((kind ? Math.hypot(x - 1, y - 0.5) : Math.hypot(x, y)) - 1)
      // Noise of .05 per coordinate: six standard deviations.
      expect(away(label)).toBeLessThan(0.3)
      expect(label ? y : -y).toBeLessThan(0.8)
    }
    expect(Math.abs(inner / data.count - 0.5)).toBeLessThan(0.03)
  })

  it('are the same in every prefix, and the splits differ', async () => {
    const all = await twoMoons.load({ split: 'test' })
    const few = await twoMoons.load({ split: 'test', samples: 10 })
    expect(few.images).toEqual(all.images.slice(0, 20))
    expect((await twoMoons.load({ split: 'train', samples: 10 })).images).not.toEqual(few.images)
  })
})

it('Dirac squares: two images at distance 35, in turns', async () => {
  const data = await diracSquares.load({ split: 'test' })
  expect(data.labels.slice(0, 4)).toEqual(Int32Array.of(0, 1, 0, 1))
  expect(data.image(0).some((value) => value !== 0)).toBe(false)
  const square = data.image(99)
  expect(Math.hypot(...square)).toBe(35)
  expect(square.reduce((a, b) => a + b)).toBe(35 * 35)
})
