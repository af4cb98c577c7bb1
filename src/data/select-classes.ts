import { LipError } from '../errors.ts'
import { createDataset, type Dataset } from './dataset.ts'

/**
 * The samples of some classes, which become classes 0, 1, ... in the order given.
 *
 * @param wanted names, or positions in the set's own list of classes
 * @param most the first so many; default all
 * @throws LipError CONFIG_INVALID for a class that the set does not have or that is named twice
 */
export function selectClasses(data: Dataset, wanted: readonly (string | number)[], most?: number): Dataset {
  const positions = wanted.map((name) => {
    const position = typeof name === 'number' ? name : positionOf(name, data.classes)
    if (data.classes[position] !== undefined) return position
    throw new LipError('CONFIG_INVALID', `'${data.name}' has no class '${name}'.`, {
      hint: `Its classes are ${data.classes.join(', ')}.`,
    })
  })
  const newLabel = new Map(positions.map((position, i) => [position, i]))
  if (newLabel.size < positions.length) {
    throw new LipError('CONFIG_INVALID', `A class of '${data.name}' is named twice: ${wanted.join(', ')}.`)
  }
  const kept = Array.from({ length: data.count }, (_, i) => i)
    .filter((i) => newLabel.has(data.label(i)))
    .slice(0, most)
  const size = data.images.length / data.count
  const images = new Float32Array(kept.length * size)
  kept.forEach((from, to) => {
    images.set(data.image(from), to * size)
  })
  const classes = positions.map((position) => data.classes[position]!)
  return createDataset({
    ...data,
    classes,
    images,
    labels: Int32Array.from(kept, (i) => newLabel.get(data.label(i))!),
    source: `${data.source}; classes ${classes.join(', ')} only`,
  })
}

/** A name, else digits that are a position. */
function positionOf(name: string, classes: readonly string[]): number {
  const position = classes.indexOf(name)
  return position < 0 && /^\d+$/.test(name) ? Number(name) : position
}
