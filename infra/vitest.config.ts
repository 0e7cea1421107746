import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/temporary.ts',
    // Loading the CDK is most of the time: once for all files instead of once for each. Tests share nothing else.
    isolate: false,
    maxWorkers: 1,
    // Synthesising a stack takes seconds on a small machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
