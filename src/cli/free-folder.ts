import { access } from 'node:fs/promises'

/** `stem`, or `stem-2`, `stem-3`, ...: the first that does not exist. */
export async function freeFolder(stem: string): Promise<string> {
  for (let i = 1; ; i++) {
    const path = i === 1 ? stem : `${stem}-${i}`
    const taken = await access(path).then(
      () => true,
      () => false,
    )
    if (!taken) return path
  }
}
