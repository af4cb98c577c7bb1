/** `npm run bench -- NAME [arguments]`: runs bench/NAME.ts; without a name, lists them. */
import { readdirSync } from 'node:fs'

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3))
const [name] = process.argv.splice(2, 1)
if (name !== undefined && names.includes(name)) await import(`./${name}.ts`)
else {
  console.error(name === undefined ? 'Benches:' : `There is no bench named '${name}'. Benches:`, names.join(', '))
  process.exitCode = name === undefined ? 0 : 4
}
