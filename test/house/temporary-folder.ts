import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One folder for all that a run of the tests writes, gone when it ends: whatever a test forgets does not stay on the machine. */
export default function temporaryFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'lip-onnx-test-'))
  for (const name of ['TMPDIR', 'TMP', 'TEMP']) process.env[name] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
