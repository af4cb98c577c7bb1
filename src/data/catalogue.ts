import { LipError } from '../errors.ts'
import { cifar10 } from './cifar-10.ts'
import type { Dataset } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'
import { diracSquares } from './dirac-squares.ts'
import { fashionMnist } from './fashion-mnist.ts'
import { mnist } from './mnist.ts'
import { shapes } from './shapes.ts'
import { twoMoons } from './two-moons.ts'

/** Every dataset that has a name; one line a set. */
export const CATALOGUE: readonly DatasetDefinition[] = [fashionMnist, mnist, cifar10, shapes, twoMoons, diracSquares]

/**
 * The dataset of that name.
 * @throws LipError USAGE when there is none.
 */
export function findDataset(name: string): DatasetDefinition {
  const found = CATALOGUE.find((set) => set.name === name)
  if (found) return found
  throw new LipError('USAGE', `There is no dataset '${name}'.`, {
    hint: `Known are ${CATALOGUE.map((set) => set.name).join(', ')}; other data comes with --inputs and --labels.`,
  })
}

/** Loads a split: from a local folder, the cache, or its public home. */
export function loadDataset(name: string, request: DatasetRequest): Promise<Dataset> {
  return findDataset(name).load(request)
}
