import { resolve } from 'node:path'
import { findDataset } from '../data/catalogue.ts'
import type { Dataset, Split } from '../data/dataset.ts'
import type { DatasetRequest } from '../data/definition.ts'
import { loadLocalSet } from '../data/local-set.ts'
import { selectClasses } from '../data/select-classes.ts'
import type { DataConfig } from './config.ts'

/** One split of the data of a configuration: the first so many samples, of the chosen classes. */
export async function loadTrainingData(config: DataConfig, request: Omit<DatasetRequest, 'samples'>): Promise<Dataset> {
  const { classes, trainSamples, testSamples } = config
  const limit: Record<Split, number | undefined> = { train: trainSamples, test: testSamples }
  const data = await load(config, { ...request, samples: limit[request.split] })
  return classes ? selectClasses(data, classes) : data
}

async function load(config: DataConfig, request: DatasetRequest): Promise<Dataset> {
  const { name, path, testPath, layout, classNames } = config
  if (path === undefined || (name !== 'npz' && name !== 'images')) return findDataset(name).load(request)
  const at = (given: string) => (request.dataDir === undefined ? given : resolve(request.dataDir, given))
  return loadLocalSet(name, at(path), {
    split: request.split,
    samples: request.samples,
    ...(testPath !== undefined && { testPath: at(testPath) }),
    // A train split of its own is due only where the test split is taken from the same place.
    requireSplit: testPath === undefined,
    layout,
    classNames,
  })
}
