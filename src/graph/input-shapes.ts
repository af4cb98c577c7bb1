import { LipError } from '../errors.ts'
import type { Shape, ValueInfo } from '../onnx/ir.ts'
import type { PrepareOptions } from './program.ts'

/**
 * Fixes the shape of every input: an open first dimension becomes the batch, and every other occurrence of its symbol with
 * it; other open dimensions are looked up in `inputShapes`.
 *
 * @returns dims by input name, and the batch that axis 0 really has
 * @throws LipError MODEL_UNSUPPORTED that names the input and dimension to give; USAGE for shapes that contradict the file
 */
export function fixInputShapes(
  inputs: readonly ValueInfo[],
  options: PrepareOptions,
): { shapes: ReadonlyMap<string, Shape>; batch: number } {
  if (!Number.isSafeInteger(options.batch) || options.batch < 1)
    throw new LipError('USAGE', `The batch must be a positive whole number, not ${options.batch}.`)
  const given = options.inputShapes ?? {}
  for (const name of Object.keys(given))
    if (!inputs.some((input) => input.name === name))
      throw new LipError('USAGE', `A shape was given for '${name}', but the model's inputs are ${list(inputs)}.`)

  const symbols = new Map<string, number>()
  let open = false
  for (const { dims } of inputs) {
    if (dims === undefined || dims.length === 0 || typeof dims[0] === 'number') continue
    open = true
    if (dims[0] !== undefined) symbols.set(dims[0], options.batch)
  }
  for (const { name, dims } of inputs) {
    const shape = given[name]
    if (!shape) continue
    if (dims === undefined) open = true
    if (dims && dims.length !== shape.length)
      throw new LipError(
        'USAGE',
        `The input '${name}' has ${dims.length} dimensions, but the shape given ${shape.length}.`,
      )
    dims?.forEach((dim, axis) => {
      const size = shape[axis]!
      if (typeof dim === 'number' && dim !== size)
        throw new LipError('USAGE', `Dimension ${axis} of the input '${name}' is ${dim} in the file, not ${size}.`)
      if (typeof dim === 'string' && !(axis === 0 && typeof dims[0] !== 'number')) bind(symbols, dim, size)
    })
  }

  const shapes = new Map<string, Shape>()
  for (const { name, dims } of inputs) {
    const shape = given[name]
    if (dims === undefined) {
      if (!shape)
        throw new LipError('MODEL_UNSUPPORTED', `The input '${name}' has no declared shape.`, {
          hint: `Give it, batch first, with --input-shape ${name}=1,... or the inputShapes option.`,
        })
      shapes.set(name, shape.length === 0 ? shape : [options.batch, ...shape.slice(1)])
      continue
    }
    shapes.set(
      name,
      dims.map((dim, axis) => {
        if (typeof dim === 'number') return dim
        if (axis === 0) return options.batch
        const size = shape?.[axis] ?? (dim === undefined ? undefined : symbols.get(dim))
        if (size !== undefined && Number.isSafeInteger(size) && size >= 0) return size
        throw new LipError(
          'MODEL_UNSUPPORTED',
          `Dimension ${axis} of the input '${name}' is open (${dim === undefined ? 'unknown' : `'${dim}'`}).`,
          { hint: `Give the full shape, batch first, with --input-shape ${name}=1,... or the inputShapes option.` },
        )
      }),
    )
  }
  const first = [...shapes.values()].find((shape) => shape.length > 0)
  return { shapes, batch: open || !first ? options.batch : first[0]! }
}

function bind(symbols: Map<string, number>, symbol: string, size: number): void {
  const before = symbols.get(symbol)
  if (before !== undefined && before !== size)
    throw new LipError('USAGE', `The dimension '${symbol}' cannot be both ${before} and ${size}.`)
  symbols.set(symbol, size)
}

function list(inputs: readonly ValueInfo[]): string {
  return inputs.map((input) => `'${input.name}'`).join(', ') || 'none'
}
