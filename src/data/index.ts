/**
 * Labelled images: datasets by name, .npy and .npz arrays, folders of PNG files, and the files they come from.
 * @module
 */
export { readArrays } from './arrays.ts'
export { CATALOGUE, findDataset, loadDataset } from './catalogue.ts'
export { createDataset, type Dataset, type Split } from './dataset.ts'
export type { DatasetDefinition, DatasetRequest } from './definition.ts'
export { parseIdx } from './idx.ts'
export { loadImageFolder } from './image-folder.ts'
export type { LocalRequest } from './local-request.ts'
export { encodeNpy, type NpyValue, parseNpy, readNpy } from './npy.ts'
export { type NpzFile, readNpz } from './npz.ts'
export { loadNpzSet } from './npz-set.ts'
