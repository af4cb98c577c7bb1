import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // onnxruntime and the wasm backend are native: one process per file keeps their state apart.
    pool: 'forks',
    globalSetup: ['test/house/temporary-folder.ts'],
    maxWorkers: 2,
    testTimeout: 120_000,
  },
})
