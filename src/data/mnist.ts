import type { DatasetDefinition } from './definition.ts'
import { idxSet } from './idx-set.ts'

/** LeCun, Cortes, Burges: handwritten digits. */
export const mnist: DatasetDefinition = idxSet({
  name: 'mnist',
  title: 'MNIST',
  licence: 'CC BY-SA 3.0, Yann LeCun and Corinna Cortes',
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  homes: ['https://storage.googleapis.com/cvdf-datasets/mnist', 'https://ossci-datasets.s3.amazonaws.com/mnist'],
  sha256: {
    train: [
      'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
    ],
    test: [
      '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    ],
  },
})
