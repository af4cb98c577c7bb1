/**
 * A folder of PNG files as a dataset: one subfolder a class, under train/ and test/ or at once.
 * @module
 */
import { readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { LipError } from '../errors.ts'
import { createDataset, type Dataset, type Split } from './dataset.ts'
import { type LocalRequest, namesOf } from './local-request.ts'
import { type Picture, readPng } from './png.ts'

const HINT = 'Due is one subfolder of PNG files a class, under train and test or at once.'

/** Files that systems and programs leave about. */
const isClutter = (name: string) => name.startsWith('.') || ['Thumbs.db', 'desktop.ini'].includes(name)

/**
 * One split of a folder of images. Classes are numbered in the order of their names by code units, as torchvision and Keras do. Samples
 * are taken from the classes in turns, so that the first so many are of every class.
 *
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID for empty classes, files that are no PNG, and images of several sizes or kinds
 */
export async function loadImageFolder(path: string, request: LocalRequest): Promise<Dataset> {
  const { split, testPath } = request
  const named = await splitFolders(path)
  const folder =
    split === 'test' && testPath !== undefined ? await chooseTest(testPath) : chooseFolder(path, named, request)
  const classes = await subfolders(named.train ?? (split === 'test' && testPath === undefined ? folder : path))
  const found = folder === (named.train ?? path) ? classes : await subfolders(folder)
  const stray = found.find((name) => !classes.includes(name))
  if (stray !== undefined) {
    throw new LipError('DATA_INVALID', `'${folder}' has a class '${stray}' that the train split does not have.`)
  }
  if (classes.length < 2) {
    throw new LipError('DATA_INVALID', `'${folder}' holds ${classes.length === 1 ? 'one class' : 'no class'}.`, {
      hint: HINT,
    })
  }
  const lists = await Promise.all(
    classes.map(async (name) => (found.includes(name) ? imagesIn(join(folder, name)) : [])),
  )
  const order = inTurns(lists).slice(0, request.samples)
  return createDataset({
    name: basename(path),
    split,
    ...(await readAll(order.map(([file]) => file))),
    classes,
    labels: Int32Array.from(order, ([, label]) => label),
    source: `PNG files in ${folder}`,
  })
}

async function list(folder: string): Promise<readonly { readonly name: string; readonly isFolder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter(({ name }) => !isClutter(name))
      .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const what = code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is no folder' : `cannot be read (${code})`
    throw new LipError('FILE_NOT_FOUND', `'${folder}' ${what}.`, { cause })
  }
}

const subfolders = async (folder: string) =>
  (await list(folder)).filter(({ isFolder }) => isFolder).map(({ name }) => name)

/** The folders of the splits, where there are some. */
async function splitFolders(path: string): Promise<Readonly<Partial<Record<Split, string>>>> {
  const names = await subfolders(path)
  const of = (split: Split) => namesOf(split).find((name) => names.includes(name))
  const [train, test] = [of('train'), of('test')]
  // A class may be called 'valid': one such folder among others divides nothing.
  if ((train === undefined || test === undefined) && names.length !== 1) return {}
  return { ...(train && { train: join(path, train) }), ...(test && { test: join(path, test) }) }
}

function chooseFolder(
  path: string,
  named: Readonly<Partial<Record<Split, string>>>,
  { split, requireSplit }: LocalRequest,
): string {
  const own = named[split]
  if (own !== undefined) return own
  const divided = named.train !== undefined || named.test !== undefined
  if (!divided && !requireSplit) return path
  const what = divided ? `has no folder '${split}'` : 'is not divided into train and test: its folders are classes'
  throw new LipError('DATA_INVALID', `'${path}' ${what}.`, {
    hint: divided
      ? HINT
      : 'Name a second folder for the test split with data.testPath, or make folders train and test.',
  })
}

/** A second folder holds the test split, or is it. */
async function chooseTest(path: string): Promise<string> {
  return (await splitFolders(path)).test ?? path
}

async function imagesIn(folder: string): Promise<readonly string[]> {
  const files = await list(folder)
  for (const { name, isFolder } of files) {
    if (!isFolder && /\.png$/i.test(name)) continue
    throw new LipError('DATA_INVALID', `'${join(folder, name)}' is ${isFolder ? 'a folder in a class' : 'no PNG'}.`, {
      hint: isFolder ? HINT : 'Only PNG files are read: convert other formats first.',
    })
  }
  if (files.length === 0) throw new LipError('DATA_INVALID', `The class folder '${folder}' holds no image.`)
  return files.map(({ name }) => join(folder, name))
}

/** The first of every list, then the second of every list, ... */
function inTurns(lists: readonly (readonly string[])[]): readonly (readonly [file: string, label: number])[] {
  const longest = Math.max(0, ...lists.map((files) => files.length))
  return Array.from({ length: longest }, (_, turn) =>
    lists.flatMap((files, label) => (files[turn] === undefined ? [] : [[files[turn], label] as const])),
  ).flat()
}

async function readAll(files: readonly string[]): Promise<{ readonly dims: readonly number[]; images: Float32Array }> {
  let first: Picture | undefined
  let images = new Float32Array(0)
  for (const [i, file] of files.entries()) {
    const picture = await readPng(file)
    if (!first) {
      first = picture
      images = new Float32Array(files.length * picture.values.length)
    }
    if (kindOf(picture) !== kindOf(first)) {
      const other = relative(join(file, '..', '..'), files[0]!)
      throw new LipError('DATA_INVALID', `'${file}' is ${kindOf(picture)}, but '${other}' is ${kindOf(first)}.`, {
        hint: 'All images must be of one size, and all grey or all RGB.',
      })
    }
    images.set(picture.values, i * picture.values.length)
  }
  return { dims: first ? [first.channels, first.height, first.width] : [0], images }
}

const kindOf = ({ channels, height, width }: Picture) => `${channels === 1 ? 'grey' : 'RGB'}, ${width}x${height}`
