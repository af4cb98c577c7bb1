/**
 * What can run a network on this machine, and what is missing where it cannot.
 * @module
 */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { messageOf, onnxruntime } from './onnxruntime.ts'
import type { ProviderName } from './profiles.ts'

export interface ProviderStatus {
  readonly name: ProviderName
  readonly available: boolean
  /** Why it is, or is not. */
  readonly reason: string
  /** What to do to get it; absent when available or hopeless. */
  readonly remedy?: string
}

/** Every provider with its state, best first. Opens no session. */
export function discoverProviders(): readonly ProviderStatus[] {
  return [cudaStatus(), webgpuStatus(), cpuStatus()]
}

export function providerStatus(name: ProviderName): ProviderStatus {
  return name === 'cuda' ? cudaStatus() : name === 'webgpu' ? webgpuStatus() : cpuStatus()
}

function cpuStatus(): ProviderStatus {
  try {
    const { env } = onnxruntime()
    return { name: 'cpu', available: true, reason: `onnxruntime-node ${env.versions.node ?? ''}`.trim() }
  } catch (error) {
    return { name: 'cpu', available: false, reason: messageOf(error), remedy: 'npm ci' }
  }
}

/** Folder of onnxruntime's native libraries for this platform. */
function libraryFolder(): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node')
  return join(dirname(main), '..', 'bin', 'napi-v6', process.platform, process.arch)
}

function cudaStatus(): ProviderStatus {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { name: 'cuda', available: false, reason: "onnxruntime-node's CUDA libraries exist for linux/x64 only" }
  }
  const library = join(libraryFolder(), 'libonnxruntime_providers_cuda.so')
  if (!existsSync(library)) {
    return {
      name: 'cuda',
      available: false,
      reason: "onnxruntime's CUDA libraries are not installed",
      remedy: 'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12 --foreground-scripts',
    }
  }
  if (!hasNvidiaDevice()) {
    return {
      name: 'cuda',
      available: false,
      reason: 'no NVIDIA GPU is visible',
      remedy: 'install the NVIDIA driver, or give the container access to the GPU',
    }
  }
  return { name: 'cuda', available: true, reason: "a GPU and onnxruntime's CUDA libraries are there" }
}

function hasNvidiaDevice(): boolean {
  if (process.env.CUDA_VISIBLE_DEVICES === '' || process.env.CUDA_VISIBLE_DEVICES === '-1') return false
  try {
    return readdirSync('/dev').some((name) => /^nvidia\d+$/.test(name) || name === 'dxg')
  } catch {
    return false
  }
}

function webgpuStatus(): ProviderStatus {
  try {
    const bundled = onnxruntime()
      .listSupportedBackends()
      .some((backend) => backend.name === 'webgpu' && backend.bundled)
    if (!bundled) return { name: 'webgpu', available: false, reason: 'this build of onnxruntime-node has no WebGPU' }
  } catch (error) {
    return { name: 'webgpu', available: false, reason: messageOf(error), remedy: 'npm ci' }
  }
  if (process.platform === 'linux' && !hasVulkanDriver()) {
    return {
      name: 'webgpu',
      available: false,
      reason: 'no Vulkan driver is installed',
      remedy:
        'install a Vulkan driver, or set VK_ICD_FILENAMES to a software one (such as vk_swiftshader_icd.json of the chromium package)',
    }
  }
  return { name: 'webgpu', available: true, reason: 'bundled with onnxruntime-node; experimental, must be asked for' }
}

function hasVulkanDriver(): boolean {
  const named = process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES
  if (named) return named.split(':').some((path) => existsSync(path))
  return ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'].some((folder) => {
    try {
      return readdirSync(folder).some((name) => name.endsWith('.json'))
    } catch {
      return false
    }
  })
}
