import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The floors of the house, lowest first. A room imports rooms on lower floors only. */
const FLOORS: readonly (readonly string[])[] = [
  ['webassembly'],
  ['linalg'],
  ['onnx'],
  ['ops'],
  ['graph'],
  ['report'],
  ['lipschitz', 'runtime', 'data', 'gate'],
  ['attacks'],
  ['verify', 'layers'],
  ['losses'],
  ['metrics', 'callbacks'],
  ['export'],
  ['training'],
  ['cli'],
]
/** Files directly in src/ that belong to no floor: errors, version, schema checks, files written whole, the public index. */
const COMMON = new Set(['errors.ts', 'version.ts', 'schema-check.ts', 'write-atomically.ts', 'index.ts'])

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
const imports = files.flatMap((file): Import[] => {
  const text = readFileSync(join('src', file), 'utf8')
  const pattern = /(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|import\s+'([^']+)'|import\('([^']+)'\)/g
  return [...text.matchAll(pattern)].map((match) => {
    const target = (match[2] ?? match[3] ?? match[4])!
    const to = target.startsWith('.') ? normalize(join(dirname(file), target)) : target
    return { from: file, to, typeOnly: match[1] !== undefined }
  })
})
const roomOf = (file: string): string => relative('.', file).split('/')[0]!
const floorOf = (room: string): number => FLOORS.findIndex((floor) => floor.includes(room))

describe('the house', () => {
  it('has no room without a floor', () => {
    const rooms = new Set(files.filter((file) => file.includes('/')).map(roomOf))
    expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([])
  })

  it('imports go down only', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!to.endsWith('.ts') || COMMON.has(to) || COMMON.has(from)) return false
      const [a, b] = [roomOf(from), roomOf(to)]
      return a !== b && floorOf(b) >= floorOf(a)
    })
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([])
  })

  it('the verifier reaches no @tensorflow package', () => {
    const reached = new Set(['cli/verbs/verify.ts', 'cli/verbs/attack.ts', 'verify/verify-model.ts', 'index.ts'])
    for (const file of reached)
      for (const { from, to, typeOnly } of imports)
        if (from === file && to.endsWith('.ts') && !typeOnly) reached.add(to)
    expect(reached.size).toBeGreaterThan(100)
    const guests = imports.filter(({ from, to }) => reached.has(from) && to.startsWith('@tensorflow'))
    expect(guests).toEqual([])
  })

  it('only one door leads to TensorFlow.js', () => {
    const doors = new Set(imports.filter(({ to }) => to.startsWith('@tensorflow/')).map(({ from }) => from))
    expect([...doors].sort()).toEqual(['layers/tf.ts', 'training/backend.ts'])
  })
})
