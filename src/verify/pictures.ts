import type { AttackOutcome } from '../attacks/index.ts'
import type { AttackPicture } from '../report/attack-run.ts'
import type { Samples } from './samples.ts'

/** As deel-lip's notebook chooses its pictures: among the first 300 images, drop the misclassified, first of each class. */
const AMONG = 300

/** Positions in the split of the samples to show, in the order of their classes. */
export function choosePictures(
  samples: readonly { readonly index: number; readonly label: number; readonly correct: boolean }[],
): readonly number[] {
  const first = new Map<number, number>()
  for (const { index, label, correct } of samples) {
    if (index < AMONG && correct && !first.has(label)) first.set(label, index)
  }
  return [...first.entries()].sort(([a], [b]) => a - b).map(([, index]) => index)
}

/** Enough digits for any screen, and for the difference map. */
const tidy = (value: number) => Math.round(value * 1e5) / 1e5

/** The chosen samples with the nearest adversarial that any attack found; nothing for data that is no image. */
export function drawPictures(
  indices: readonly number[],
  samples: Samples,
  outcomes: readonly AttackOutcome[],
  range: readonly [low: number, high: number],
): readonly AttackPicture[] {
  const { data, image } = samples
  if (!image) return []
  const { height, width, channels, at } = image
  const [low, high] = range
  const pixels = (values: Float32Array) =>
    Array.from({ length: height * width * channels }, (_, i) => {
      const place = Math.floor(i / channels)
      return tidy(Math.min(1, Math.max(0, (values[at(i % channels, place)]! - low) / (high - low))))
    })
  return indices.map((index) => {
    const label = data.label(index)
    const finds = outcomes.flatMap(({ report, adversarials }) => {
      const find = report.samples.find((sample) => sample.index === index)
      const point = adversarials.get(index)
      return point && find && find.distance !== null ? [{ ...find, distance: find.distance, point }] : []
    })
    const nearest = finds.sort((a, b) => a.distance - b.distance)[0]
    const target = nearest?.target
    return {
      index,
      label,
      className: data.classes[label]!,
      adversarialClass: target === undefined || target === null ? null : (data.classes[target] ?? String(target)),
      distance: nearest?.distance ?? null,
      dims: [height, width, channels],
      original: pixels(data.image(index)),
      adversarial: nearest ? pixels(nearest.point) : null,
    }
  })
}
