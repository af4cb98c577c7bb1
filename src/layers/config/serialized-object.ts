/** An object inside a configuration, as Keras 2, Keras 3 and TensorFlow.js write it. */
export interface SerializedObject {
  readonly className: string
  readonly config: Readonly<Record<string, unknown>>
}

/** What `getConfig` writes for a nested object. */
export interface PythonObject {
  readonly class_name: string
  readonly config: Readonly<Record<string, unknown>>
}

/**
 * Reads {class_name, config} in either spelling. A package prefix ('deel-lip>GroupSort') is dropped.
 * @returns undefined when the value is not such an object
 */
export function asSerializedObject(value: unknown): SerializedObject | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const record = value as Record<string, unknown>
  const className = record.class_name ?? record.className
  if (typeof className !== 'string') return undefined
  const config = record.config
  return {
    className: withoutPackage(className),
    config: typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {},
  }
}

export function withoutPackage(className: string): string {
  return className.slice(className.lastIndexOf('>') + 1)
}

/** One key for 'SpectralConv2D' and what TensorFlow.js makes of nested class names ('spectral_conv2_d'). */
export function canonicalName(className: string): string {
  return withoutPackage(className)
    .replaceAll(/[^A-Za-z0-9]/g, '')
    .toLowerCase()
}
