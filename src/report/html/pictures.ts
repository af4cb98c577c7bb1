/**
 * The demo's picture: original, adversarial, and where they differ.
 * @module
 */
import { encode } from 'fast-png'
import type { AttackPicture } from '../attack-run.ts'
import { showRadius } from '../format-number.ts'
import type { PictureReport } from '../report.ts'
import { type Markup, markup } from './markup.ts'

function dataUri(width: number, height: number, channels: 1 | 3, data: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(encode({ width, height, channels, depth: 8, data })).toString('base64')}`
}

const byte = (value: number) => Math.round(255 * Math.min(1, Math.max(0, value)))

/** Certified or not. */
type Picture = AttackPicture & Partial<Pick<PictureReport, 'radius'>>

function image({ dims }: Picture, pixels: readonly number[]): string {
  const [height, width, channels] = dims
  if (channels === 1 || channels === 3) return dataUri(width, height, channels, Uint8Array.from(pixels, byte))
  const first = Uint8Array.from({ length: height * width }, (_, i) => byte(pixels[i * channels]!))
  return dataUri(width, height, 1, first)
}

/** Red where the adversarial is darker, green where it is lighter, each as a share of the largest difference. */
export function differenceMap({ dims, original, adversarial }: Picture): Uint8Array {
  const [height, width, channels] = dims
  const changes = Array.from({ length: height * width }, (_, i) => {
    let sum = 0
    for (let c = 0; c < channels; c++) sum += adversarial![i * channels + c]! - original[i * channels + c]!
    return sum
  })
  const largest = changes.reduce((most, change) => Math.max(most, Math.abs(change)), 0) || 1
  const out = new Uint8Array(height * width * 3)
  changes.forEach((change, i) => {
    out[i * 3 + (change < 0 ? 0 : 1)] = byte(Math.abs(change) / largest)
  })
  return out
}

function figure(picture: Picture): Markup {
  const { dims, original, adversarial, radius, distance } = picture
  const [height, width] = dims
  const triple = adversarial
    ? markup`<div><img alt="adversarial of sample ${picture.index}" src="${image(picture, adversarial)}"><small>${picture.adversarialClass ?? '?'}</small></div><div><img alt="difference map" src="${dataUri(width, height, 3, differenceMap(picture))}"><small>difference</small></div>`
    : markup`<div></div><div></div>`
  const certified = radius !== undefined && markup`certificate <b>${showRadius(radius)}</b>, `
  const ratio = radius !== undefined && radius > 0 && distance !== null && ` (${(distance / radius).toFixed(2)}x)`
  const outcome =
    distance === null
      ? markup`${certified}no adversarial found`
      : markup`${certified}found <b>${distance.toFixed(4)}</b>${ratio}`
  return markup`<figure><div class="triple"><div><img alt="sample ${picture.index}" src="${image(picture, original)}"><small>${picture.className}</small></div>${triple}</div><figcaption>${outcome}</figcaption></figure>`
}

/** One figure a picture. */
export function pictureGrid(pictures: readonly Picture[]): Markup {
  return markup`<div class="pictures">${pictures.map(figure)}</div>`
}
