import { expect, it } from 'vitest'
import { OPERATORS } from '../../src/ops/index.ts'
import { USES } from './operator-examples.ts'
import { operatorTable } from './operator-table.ts'

it('docs/operators.md is what the rooms say; `npx vitest run test/docs -u` writes it', async () => {
  await expect(operatorTable()).toMatchFileSnapshot('../../docs/operators.md')
})

it('every room is in the table, and nothing else', () => {
  expect(Object.keys(USES).sort()).toEqual([...OPERATORS.keys()].sort())
})
