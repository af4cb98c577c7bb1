import type { NdArray, Shape } from '../onnx/ir.ts'
import { sizeOf, stridesOf } from './dims.ts'
import { invalid, unsupported } from './invalid.ts'
import type { Operator, Site } from './operator.ts'
import { roundUp, trueShare } from './round-up.ts'
import { dynamicInputs, unbounded } from './rules.ts'

/** Sums of products over named axes, 'ij,jk->ik'; an ellipsis stands for the axes that have no name. */
export const Einsum: Operator = {
  type: 'Einsum',
  opsets: [12, 25],
  shape: (site) => {
    const { output, sizes } = planOf(site)
    return [{ type: site.input(0).type, dims: output.map((label) => sizes.get(label)!) }]
  },
  evaluate: (site, inputs) => [contract(planOf(site), inputs as readonly NdArray[])],
  /**
   * Linear in its one dynamic operand x. Axes of x that the constants lack and the output keeps pass through (norm 1); those
   * that the output lacks are summed (sqrt of their length). On all other axes the norm is at most the Frobenius norm of the
   * product of the constants, at most the product of theirs, times sqrt of the length of each axis that only they have and
   * that is summed (Cauchy-Schwarz).
   */
  lipschitz: (site) => {
    const dynamic = dynamicInputs(site)
    if (dynamic.length !== 1) return unbounded('a product of values that depend on the data has slopes without limit')
    const { terms, output, sizes } = planOf(site)
    const term = terms[dynamic[0]!]!
    if (new Set(term).size !== term.length) return unbounded('it reads a diagonal, for which there is no rule here')
    const others = terms.filter((_, i) => i !== dynamic[0]).flat()
    let square = 1
    site.inputs.forEach((input, i) => {
      if (i === dynamic[0]) return
      const error = trueShare(input!.constant!.relativeError)
      square *= input!.constant!.data.reduce((sum, value) => sum + value * value, 0) * error * error
    })
    for (const [label, size] of sizes) {
      const shared = term.includes(label) && others.includes(label)
      if (!output.includes(label) && !shared) square *= size
    }
    const norm = roundUp(Math.sqrt(square)) * (1 + 2 ** -50 * [...sizes.values()].reduce((n, size) => n * size, 8))
    return Number.isFinite(norm)
      ? { kind: 'constant', value: norm, because: 'Frobenius norm of the constant operands and of the sums' }
      : unbounded('a constant operand is infinite or not a number')
  },
  magnitudes: (site, inputs) => Einsum.evaluate(site, inputs),
  rounding: (site) => {
    const { output, sizes, terms } = planOf(site)
    const summed = [...sizes].filter(([label]) => !output.includes(label)).reduce((n, [, size]) => n * size, 1)
    // Of three factors two may meet first, and their product may underflow or overflow where the whole does not.
    if (terms.length > 2) return { kind: 'unknown', because: 'a partial product of three factors may underflow' }
    return { kind: 'dot', terms: summed + terms.length }
  },
  rows: (site) => {
    const { terms, output } = planOf(site)
    const row = output[0]
    const apart = site.inputs.every(
      (input, i) => input?.constant || (terms[i]![0] === row && terms[i]!.lastIndexOf(row!) === 0),
    )
    return row !== undefined && apart ? 'rows' : 'mixed'
  },
  // The cotangent takes the operand's place: swap its labels with the output's.
  vjp: (site, b, [dy], wanted) => {
    if (dy === undefined) return []
    const { terms, output } = planOf(site)
    return terms.map((term, i) => {
      if (!wanted[i]) return undefined
      const others = terms.flatMap((other, j) => (j === i ? [] : [other]))
      const known = new Set([...output, ...others.flat()])
      if (new Set(term).size !== term.length || term.some((label) => !known.has(label))) {
        throw unsupported(site, 'reads a diagonal or sums an axis of one operand: its gradient is not known here')
      }
      const names = site.inputs.flatMap((input, j) => (j === i ? [] : [input!.name]))
      const equation = equationOf([output, ...others], term)
      return b.node('Einsum', [dy, ...names], { equation })
    })
  },
}

interface Plan {
  readonly terms: readonly (readonly string[])[]
  readonly output: readonly string[]
  readonly sizes: ReadonlyMap<string, number>
}

function planOf(site: Site): Plan {
  const equation = site.string('equation').replaceAll(' ', '')
  const [left, right] = equation.split('->')
  const written = left!.split(',')
  if (written.length !== site.inputs.length) throw invalid(site, `has ${site.inputs.length} inputs for '${equation}'`)
  const terms = written.map((term, i) => labelsOf(term, site.input(i).dims.length))
  const sizes = new Map<string, number>()
  terms.forEach((term, i) => {
    const { dims } = site.input(i)
    if (dims.length !== term.length)
      throw invalid(site, `names ${term.length} axes of input ${i}, which has ${dims.length}`)
    term.forEach((label, axis) => {
      const known = sizes.get(label)
      if (known !== undefined && known !== dims[axis]) {
        throw unsupported(site, `gives axis '${label}' the lengths ${known} and ${dims[axis]}`)
      }
      sizes.set(label, dims[axis]!)
    })
  })
  const unnamed = [...sizes.keys()]
    .filter((label) => label.length > 1)
    .sort()
    .reverse()
  // Without '->' the output has the unnamed axes, then the labels that occur once, in alphabetical order.
  const once = [...sizes.keys()]
    .filter((label) => label.length === 1 && terms.flat().filter((other) => other === label).length === 1)
    .sort()
  const output =
    right === undefined ? [...unnamed, ...once] : labelsOf(right, right.replace('...', '').length + unnamed.length)
  if (output.some((label, i) => !sizes.has(label) || output.indexOf(label) !== i)) {
    throw invalid(site, `has an unknown or repeated axis in the output of '${equation}'`)
  }
  return { terms, output, sizes }
}

/** One label an axis; the axes of the ellipsis are '.0', '.1', ... counted from the last one. */
function labelsOf(term: string, rank: number): readonly string[] {
  const at = term.indexOf('...')
  if (at < 0) return [...term]
  const named = term.length - 3
  const hidden = Array.from({ length: Math.max(0, rank - named) }, (_, k) => `.${rank - named - 1 - k}`)
  return [...term.slice(0, at), ...hidden, ...term.slice(at + 3)]
}

/** The equation of the terms, with a letter for every label. */
function equationOf(terms: readonly (readonly string[])[], output: readonly string[]): string {
  const taken = new Set(terms.flat().filter((label) => label.length === 1))
  const free = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((letter) => !taken.has(letter))
  const letters = new Map<string, string>()
  const letter = (label: string) => {
    if (label.length === 1) return label
    const known = letters.get(label) ?? free.shift()!
    letters.set(label, known)
    return known
  }
  const write = (labels: readonly string[]) => labels.map(letter).join('')
  return `${terms.map(write).join(',')}->${write(output)}`
}

function contract({ terms, output, sizes }: Plan, inputs: readonly NdArray[]): NdArray {
  const summed = [...sizes.keys()].filter((label) => !output.includes(label))
  const labels = [...output, ...summed]
  const dims: Shape = labels.map((label) => sizes.get(label)!)
  const strides = terms.map((term, i) => {
    const own = stridesOf(inputs[i]!.dims)
    return labels.map((label) => term.reduce((sum, other, axis) => (other === label ? sum + own[axis]! : sum), 0))
  })
  const outDims = dims.slice(0, output.length)
  const group = sizeOf(dims.slice(output.length))
  const data = new Float64Array(sizeOf(outDims))
  const counter = new Int32Array(labels.length)
  const at = new Float64Array(terms.length)
  for (let o = 0; o < data.length; o++) {
    let sum = 0
    for (let k = 0; k < group; k++) {
      let product = 1
      for (let i = 0; i < terms.length; i++) product *= inputs[i]!.data[at[i]!]!
      sum += product
      for (let axis = labels.length - 1; axis >= 0; axis--) {
        for (let i = 0; i < terms.length; i++) at[i]! += strides[i]![axis]!
        if (++counter[axis]! < dims[axis]!) break
        for (let i = 0; i < terms.length; i++) at[i]! -= strides[i]![axis]! * dims[axis]!
        counter[axis] = 0
      }
    }
    data[o] = sum
  }
  return { type: inputs[0]!.type, dims: outDims, data }
}
