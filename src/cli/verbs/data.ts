import { EXIT } from '../../errors.ts'
import { downloadProgress } from '../download-progress.ts'
import { defineVerb } from '../verb.ts'

export const data = defineVerb({
  command: 'data [name]',
  summary: 'Download and check a dataset into the cache',
  examples: [
    ['data', 'List the datasets and where they are'],
    ['data fashion-mnist', 'Download Fashion-MNIST, check its SHA-256, keep it in the cache'],
    ['data mnist --force', 'Download it again'],
  ],
  positionals: { name: { type: 'string', describe: 'Dataset; without it, all are listed' } },
  options: {
    force: { type: 'boolean', default: false, describe: 'Download again what is there' },
    'data-dir': { type: 'string', describe: 'Check the files of this folder instead of downloading' },
  },
  async run(args, io) {
    const { CATALOGUE, findDataset, loadDataset } = await import('../../data/catalogue.ts')
    const { datasetCache } = await import('../../data/cache.ts')
    if (args.name === undefined) {
      const states = await Promise.all(
        CATALOGUE.map(async (set) => {
          const state = await loadDataset(set.name, { split: 'test', samples: 1, offline: true, env: io.env }).then(
            (loaded) => loaded.source,
            () => 'not here yet',
          )
          return {
            name: set.name,
            title: set.title,
            train: set.sizes.train,
            test: set.sizes.test,
            licence: set.licence,
            state,
          }
        }),
      )
      io.result(states, () =>
        states
          .map((set) => `${set.name.padEnd(14)} ${set.train} + ${set.test} images  ${set.state}  (${set.licence})`)
          .join('\n'),
      )
      return EXIT.pass
    }
    const definition = findDataset(args.name)
    if (args.force && definition.fetch) {
      const watch = downloadProgress(io)
      await definition.fetch({ env: io.env, onProgress: watch.onProgress })
      watch.end()
    }
    const splits: { split: string; count: number; source: string }[] = []
    for (const split of ['train', 'test'] as const) {
      io.note(`Reading the ${split} split of ${definition.title} ...`)
      const watch = downloadProgress(io)
      const loaded = await definition.load({ split, dataDir: args.dataDir, env: io.env, onProgress: watch.onProgress })
      watch.end()
      splits.push({ split, count: loaded.count, source: loaded.source })
    }
    const folder = definition.fetch ? (args.dataDir ?? datasetCache(definition.name, io.env)) : undefined
    io.result({ name: definition.name, folder, splits }, () =>
      splits.map(({ split, count, source }) => `${definition.title} ${split}: ${count} images, ${source}`).join('\n'),
    )
    return EXIT.pass
  },
})
