import { LipError } from '../errors.ts'
import type { Shape } from '../onnx/ir.ts'

/** The `--input-shape` option, shared by the verbs that read models. */
export const INPUT_SHAPE = {
  'input-shape': {
    type: 'string',
    array: true,
    describe: 'Shape of an input whose size is open, batch first: NAME=1,3,32,32 (repeatable)',
  },
} as const

/** Parses `NAME=1,3,32,32`. @throws LipError USAGE */
export function parseInputShapes(given: readonly (string | number)[] | undefined): Readonly<Record<string, Shape>> {
  const shapes: Record<string, Shape> = {}
  for (const text of (given ?? []).map(String)) {
    const match = /^(.+)=(\d+(?:[,x]\d+)*)$/.exec(text)
    if (!match) throw new LipError('USAGE', `--input-shape '${text}' is not of the form NAME=1,3,32,32.`)
    shapes[match[1]!] = match[2]!.split(/[,x]/).map(Number)
  }
  return shapes
}
