import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { AttackReport } from '../../src/report/report.ts'

/** A Vulkan driver: the one named, or the software adapter of Debian's chromium package. */
const driver = [process.env.VK_ICD_FILENAMES, '/usr/lib/chromium/vk_swiftshader_icd.json'].find(
  (path) => path !== undefined && existsSync(path),
)
if (!driver) console.log('skipped: no Vulkan driver for WebGPU (VK_ICD_FILENAMES, or the chromium package)')

interface Run {
  readonly asked: string
  readonly ran: string
  readonly attacks: readonly Pick<AttackReport, 'name' | 'provider' | 'samples'>[]
}

describe.skipIf(!driver)('attacks on WebGPU (skipped without a Vulkan driver)', () => {
  it('find what they find on the CPU, and name the provider that ran', { timeout: 600_000 }, () => {
    const program = fileURLToPath(new URL('webgpu-run.ts', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program], {
      encoding: 'utf8',
      // The package keeps the Vulkan loader beside the driver.
      env: {
        ...process.env,
        VK_ICD_FILENAMES: driver!,
        LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, dirname(driver!)].filter(Boolean).join(':'),
      },
    })
    expect(status, stderr).toBe(0)
    const [cpu, gpu] = JSON.parse(stdout.trim().split('\n').at(-1)!) as [Run, Run]
    expect([cpu.ran, gpu.ran]).toEqual(['cpu', 'webgpu'])
    for (const [k, attack] of gpu.attacks.entries()) {
      expect(attack.provider).toBe('webgpu')
      expect(cpu.attacks[k]!.provider).toBe('cpu')
      for (const [i, { status, distance, target }] of attack.samples.entries()) {
        const expected = cpu.attacks[k]!.samples[i]!
        expect([status, target], `${attack.name}, sample ${i}`).toEqual([expected.status, expected.target])
        if (expected.distance !== null) expect(distance! / expected.distance).toBeCloseTo(1, 2)
      }
    }
    expect(gpu.attacks[0]!.samples.every(({ status }) => status === 'open')).toBe(true)
  })
})
