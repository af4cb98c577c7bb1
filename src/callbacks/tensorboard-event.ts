/**
 * One scalar as a TensorBoard record: a TFRecord (length, masked CRC-32C, payload, masked CRC-32C) around the protobuf message
 * Event { double wall_time = 1; int64 step = 2; Summary summary = 5 { Value { string tag = 1; float simple_value = 2 } } }.
 * wall_time is written as 0, so that equal runs write equal bytes.
 */
export function scalarEvent(tag: string, step: number, value: number): Uint8Array {
  const name = new TextEncoder().encode(tag)
  const entry = concat(field(1, 2), varint(name.length), name, field(2, 5), float32(value))
  const summary = concat(field(1, 2), varint(entry.length), entry)
  const event = concat(
    field(1, 1),
    new Uint8Array(8),
    field(2, 0),
    varint(step),
    field(5, 2),
    varint(summary.length),
    summary,
  )
  const length = new Uint8Array(8)
  new DataView(length.buffer).setUint32(0, event.length, true)
  return concat(length, maskedCrc(length), event, maskedCrc(event))
}

function field(number: number, wireType: number): Uint8Array {
  return varint((number << 3) | wireType)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

function float32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return bytes
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** Rotated by 15 bits plus a constant, as TFRecord wants it. */
function maskedCrc(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes)
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, masked, true)
  return out
}

/** Castagnoli's polynomial, reflected. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
