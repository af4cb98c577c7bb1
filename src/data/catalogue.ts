import { cifar10 } from './cifar-10.ts'
import type { Dataset } from './dataset.ts'
import type { DatasetDefinition, DatasetRequest } from './definition.ts'
import { diracSquares } from './dirac-squares.ts'
import { fashionMnist } from './fashion-mnist.ts'
import { loadLocalSet, localKind, refuseDataset } from './local-set.ts'
import { mnist } from './mnist.ts'
import { shapes } from './shapes.ts'
import { twoMoons } from './two-moons.ts'

/** Every dataset that has a name; one line a set. */
export const CATALOGUE: readonly DatasetDefinition[] = [fashionMnist, mnist, cifar10, shapes, twoMoons, diracSquares]

const names = () => CATALOGUE.map((set) => set.name)

/**
 * The dataset of that name.
 * @throws LipError USAGE when there is none.
 */
export function findDataset(name: string): DatasetDefinition {
  return CATALOGUE.find((set) => set.name === name) ?? refuseDataset(name, names())
}

/**
 * Loads a split: from a local folder, the cache, or its public home; or out of a .npz file or a folder of images, named by their path.
 * @throws LipError USAGE when there is no such dataset, and what the readers throw
 */
export async function loadDataset(name: string, request: DatasetRequest): Promise<Dataset> {
  const found = CATALOGUE.find((set) => set.name === name)
  if (found) return found.load(request)
  const kind = await localKind(name)
  return kind ? loadLocalSet(kind, name, request) : refuseDataset(name, names())
}
