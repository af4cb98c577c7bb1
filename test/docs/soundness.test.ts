import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const text = readFileSync('docs/soundness.md', 'utf8')
const files = ['src', 'test'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => `/${root}/${name}`),
)

it('every link of docs/soundness.md leads somewhere', () => {
  const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1]!)
  expect(links.length).toBeGreaterThan(20)
  expect(links.filter((link) => !existsSync(join('docs', link)))).toEqual([])
})

it('every file that docs/soundness.md names is there', () => {
  const names = [...new Set([...text.matchAll(/[\w./-]+\.ts\b/g)].map((match) => match[0].replace(/^(\.\.\/)+/, '')))]
  expect(names.length).toBeGreaterThan(60)
  expect(names.filter((name) => !files.some((file) => file.endsWith(`/${name}`)))).toEqual([])
})
