import { expect, it } from 'vitest'
import { normalVector } from '../../../src/linalg/normal-vector.ts'
import { withRoom } from '../../../src/linalg/vector-room.ts'
import { convolutionMap, roomOf } from '../../../src/lipschitz/norms/convolution-map.ts'
import { axesOf } from '../../../src/lipschitz/norms/geometry.ts'
import { randomConvolution } from './random-geometry.ts'

it('a map in a room is the map, its adjoint is the adjoint, whatever the room held before', () => {
  let met = 0
  for (let seed = 0; met < 150; seed++) {
    const structure = randomConvolution([0xc0de, seed], 300)
    const axes = axesOf(structure)
    if (structure.groups !== 1 || axes.some((axis) => axis.outputs === 0)) continue
    met++
    const weights = { out: structure.weights.dims[0]!, in: structure.weights.dims[1]!, data: structure.weights.data }
    const plain = convolutionMap(weights, axes)
    const x = normalVector(plain.inputs, seed, 1)
    const y = normalVector(plain.outputs, seed, 2)
    const results = (map: typeof plain) => {
      const [image, back] = [new Float64Array(map.outputs), new Float64Array(map.inputs)]
      // The adjoint first: it must not need what an application leaves.
      map.adjoint(y, back)
      map.apply(x, image)
      const again = new Float64Array(map.inputs)
      map.adjoint(y, again)
      expect(again).toEqual(back)
      return [...image, ...back]
    }
    const expected = results(plain)
    const scale = Math.max(...expected.map(Math.abs), Number.MIN_VALUE)
    withRoom(roomOf(weights, axes), (room) => {
      room!.doubles.fill(Number.NaN)
      const map = convolutionMap(weights, axes, room)
      expect([map.inputs, map.outputs, map.cost]).toEqual([plain.inputs, plain.outputs, plain.cost])
      results(map).forEach((value, k) => {
        expect(Math.abs(value - expected[k]!) / scale, `seed ${seed}`).toBeLessThan(1e-13)
      })
    })
  }
})
