import { convertIndexedToRgb, type DecodedPng, decode } from 'fast-png'
import { LipError } from '../errors.ts'
import { readBytes } from './read-bytes.ts'

export interface Picture {
  readonly height: number
  readonly width: number
  /** 1 = grey, 3 = RGB. */
  readonly channels: 1 | 3
  /** Channels first, in [0, 1]. */
  readonly values: Float32Array
}

/**
 * Reads a PNG file of any depth, grey, RGB or with a palette; an alpha channel must be opaque throughout.
 * @throws LipError FILE_NOT_FOUND, DATA_INVALID when it is no PNG, is cut short, or is transparent anywhere
 */
export async function readPng(path: string): Promise<Picture> {
  return parsePng(await readBytes(path), path)
}

/** @param path only named in messages */
export function parsePng(bytes: Uint8Array, path: string): Picture {
  const invalid = (what: string, cause?: unknown) => new LipError('DATA_INVALID', `'${path}' ${what}.`, { cause })
  let png: Pick<DecodedPng, 'height' | 'width' | 'channels' | 'data'> & { readonly most: number }
  try {
    const decoded = decode(bytes)
    if (decoded.transparency && !decoded.palette) throw invalid('has transparent pixels')
    png = wholeSamples(decoded)
  } catch (cause) {
    if (cause instanceof LipError) throw cause
    throw invalid(`is not a PNG file that can be read (${(cause as Error).message})`, cause)
  }
  const { height, width, data, most } = png
  const hasAlpha = png.channels === 2 || png.channels === 4
  const stride = png.channels
  const channels = stride >= 3 ? 3 : 1
  const plane = height * width
  if (data.length !== plane * stride) throw invalid('is a PNG file that is cut short')
  const values = new Float32Array(plane * channels)
  for (let place = 0; place < plane; place++) {
    if (hasAlpha && data[(place + 1) * stride - 1] !== most) throw invalid('has transparent pixels')
    for (let c = 0; c < channels; c++) values[c * plane + place] = data[place * stride + c]! / most
  }
  return { height, width, channels, values }
}

/** One number a sample, with the largest that it can be: palettes looked up, packed grey unpacked. */
function wholeSamples(decoded: DecodedPng): Pick<DecodedPng, 'height' | 'width' | 'channels' | 'data'> & {
  readonly most: number
} {
  const { depth, palette } = decoded
  const most = 2 ** depth - 1
  if (palette) {
    const data = convertIndexedToRgb(decoded)
    return greyOf({ ...decoded, data, channels: palette[0]!.length, most: 255 })
  }
  if (depth >= 8) return { ...decoded, most }
  const { width, height } = decoded
  // PNG (second edition), 7.2: rows of packed samples start at byte boundaries, the first sample in the high bits.
  const rowBytes = Math.ceil((width * depth) / 8)
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth
    const byte = decoded.data[Math.floor(i / width) * rowBytes + (bit >> 3)]!
    return (byte >> (8 - depth - (bit & 7))) & most
  })
  return { ...decoded, data, most }
}

/** A palette of greys is a grey image: PNG optimisers write them so. */
function greyOf<T extends Pick<DecodedPng, 'channels' | 'data'>>(image: T): T {
  const { channels, data } = image
  for (let i = 0; i < data.length; i += channels) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return image
  }
  const kept = channels === 4 ? [0, 3] : [0]
  const grey = new Uint8Array((data.length / channels) * kept.length)
  for (let i = 0; i < grey.length; i++) {
    grey[i] = data[Math.floor(i / kept.length) * channels + kept[i % kept.length]!]!
  }
  return { ...image, channels: kept.length, data: grey }
}
