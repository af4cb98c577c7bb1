/**
 * The built-in set: ten classes of 28x28 grey shapes, computed from a seed, so that the demo and the tests run with no
 * network. Position, size, rotation, contrast, background, noise and an occluding bar vary; a small convolutional network
 * reaches roughly what it reaches on Fashion-MNIST.
 * @module
 */
import { type RandomStream, randomStream } from '../linalg/random.ts'
import { createDataset, type Dataset, type Split, scaleBytes } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'

const SIDE = 28
const SIZES: Readonly<Record<Split, number>> = { train: 12_000, test: 2_000 }
/** Part of the definition of the set: another seed is another set. */
const SEED = 20_210_628

/** Signed distance to the shape in its own frame (radius about 1): negative inside. */
type Distance = (x: number, y: number) => number

const disk =
  (cx: number, cy: number, radius: number): Distance =>
  (x, y) =>
    Math.hypot(x - cx, y - cy) - radius

const box =
  (halfWidth: number, halfHeight: number): Distance =>
  (x, y) =>
    Math.max(Math.abs(x) - halfWidth, Math.abs(y) - halfHeight)

const union =
  (...parts: readonly Distance[]): Distance =>
  (x, y) =>
    parts.reduce((least, part) => Math.min(least, part(x, y)), Number.POSITIVE_INFINITY)

const minus =
  (whole: Distance, hole: Distance): Distance =>
  (x, y) =>
    Math.max(whole(x, y), -hole(x, y))

/** A closed polygon: distance to the nearest edge, signed by the even-odd rule. */
function polygon(points: readonly (readonly [number, number])[]): Distance {
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY
    let inside = false
    for (let i = 0; i < points.length; i++) {
      const [ax, ay] = points[i]!
      const [bx, by] = points[(i + 1) % points.length]!
      const ex = bx - ax
      const ey = by - ay
      const t = Math.min(1, Math.max(0, ((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)))
      nearest = Math.min(nearest, Math.hypot(x - ax - t * ex, y - ay - t * ey))
      if (ay > y !== by > y && x < ax + ((y - ay) / ey) * ex) inside = !inside
    }
    return inside ? -nearest : nearest
  }
}

/** Vertices at equal angles, alternating between the radii given, the first one up. */
function wheel(count: number, ...radii: readonly number[]): readonly (readonly [number, number])[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = (2 * Math.PI * i) / count - Math.PI / 2
    const radius = radii[i % radii.length]!
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const
  })
}

const SHAPES: readonly (readonly [name: string, distance: Distance])[] = [
  ['disk', disk(0, 0, 0.82)],
  ['ring', minus(disk(0, 0, 0.9), disk(0, 0, 0.5))],
  ['square', box(0.74, 0.74)],
  ['frame', minus(box(0.82, 0.82), box(0.44, 0.44))],
  ['triangle', polygon(wheel(3, 1))],
  ['star', polygon(wheel(10, 1, 0.42))],
  ['plus', union(box(0.9, 0.28), box(0.28, 0.9))],
  ['crescent', minus(disk(0, 0, 0.9), disk(0.42, 0, 0.7))],
  ['hexagon', polygon(wheel(6, 0.9))],
  [
    'arrow',
    polygon([
      [0, -1],
      [0.75, -0.1],
      [0.3, -0.1],
      [0.3, 0.9],
      [-0.3, 0.9],
      [-0.3, -0.1],
      [-0.75, -0.1],
    ]),
  ],
]

const CLASSES: readonly string[] = SHAPES.map(([name]) => name)

const between = (stream: RandomStream, low: number, high: number) => low + (high - low) * stream.uniform()

/** Draws one sample into `out` as bytes. */
function draw(distance: Distance, stream: RandomStream, out: Uint8Array): void {
  const radius = between(stream, 6, 10.5)
  const centreX = 13.5 + between(stream, -3.5, 3.5)
  const centreY = 13.5 + between(stream, -3.5, 3.5)
  const angle = between(stream, -0.6, 0.6)
  const cos = Math.cos(angle) / radius
  const sin = Math.sin(angle) / radius
  const stretch = between(stream, 0.85, 1.18)
  const ink = between(stream, 0.45, 1)
  const paper = between(stream, 0, 0.25)
  const slopeX = between(stream, -0.006, 0.006)
  const slopeY = between(stream, -0.006, 0.006)
  const noise = between(stream, 0.02, 0.14)
  const softness = between(stream, 0.6, 1.4)
  const barred = stream.uniform() < 0.35
  const barAngle = between(stream, 0, Math.PI)
  const barOffset = between(stream, -9, 9)
  const barHalf = between(stream, 0.8, 1.8)
  const barInk = between(stream, 0.2, 0.9)
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const dx = column - centreX
      const dy = row - centreY
      const away = distance((cos * dx + sin * dy) * stretch, (-sin * dx + cos * dy) / stretch) * radius
      // A soft edge: full ink half a pixel inside, none half a pixel outside.
      const coverage = Math.min(1, Math.max(0, 0.5 - away / (2 * softness)))
      let value = paper + slopeX * (column - 13.5) + slopeY * (row - 13.5)
      value += coverage * (ink - value)
      if (barred) {
        const across = (column - 13.5) * Math.cos(barAngle) + (row - 13.5) * Math.sin(barAngle) - barOffset
        if (Math.abs(across) < barHalf) value = 0.4 * value + 0.6 * barInk
      }
      value += noise * stream.normal()
      out[row * SIDE + column] = Math.round(255 * Math.min(1, Math.max(0, value)))
    }
  }
}

function generate(request: DatasetRequest): Dataset {
  const count = Math.min(request.samples ?? Number.POSITIVE_INFINITY, SIZES[request.split])
  const bytes = new Uint8Array(count * SIDE * SIDE)
  const labels = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    // Keyed by (seed, split, sample): the first n samples are the same for every n.
    const stream = randomStream(SEED, request.split === 'train' ? 0 : 1, i)
    labels[i] = stream.integer(SHAPES.length)
    draw(SHAPES[labels[i]!]![1], stream, bytes.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE))
  }
  return createDataset({
    name: 'shapes',
    split: request.split,
    dims: [1, SIDE, SIDE],
    classes: CLASSES,
    images: scaleBytes(bytes),
    labels,
    source: `built-in, generated from seed ${SEED}`,
  })
}

export const shapes: DatasetDefinition = {
  name: 'shapes',
  title: 'Built-in shapes',
  licence: 'none needed: computed here',
  sizes: SIZES,
  load: async (request) => generate(request),
}
