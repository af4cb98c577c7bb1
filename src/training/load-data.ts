import { loadDataset } from '../data/catalogue.ts'
import type { Dataset, Split } from '../data/dataset.ts'
import type { DatasetRequest } from '../data/definition.ts'
import type { DataConfig } from './config.ts'
import { selectClasses } from './select-classes.ts'

/** One split of the data of a configuration: the first so many samples, of the chosen classes. */
export async function loadTrainingData(
  { name, classes, trainSamples, testSamples }: DataConfig,
  request: Omit<DatasetRequest, 'samples'>,
): Promise<Dataset> {
  const limit: Record<Split, number | undefined> = { train: trainSamples, test: testSamples }
  const data = await loadDataset(name, { ...request, samples: limit[request.split] })
  return classes ? selectClasses(data, classes) : data
}
