// The functions: how big each is and how long it may run. Environment and rights are in functions.ts.

export const STEPS = ['start', 'validate', 'parse', 'transform', 'write', 'crawl', 'notify'] as const;

export type Step = (typeof STEPS)[number];

/** The functions that the workflow calls. `start` is the door before it. */
export const WORKFLOW_STEPS = STEPS.filter((step) => step !== 'start');

/**
 * A function's timeout stands below the `TimeoutSeconds` of its state, so that it can still say what it was at.
 * Lambda gives one processor for 1769 MB and a share of it for less, so where samples are computed memory buys speed. A day
 * of two leads takes 0.4 to 5.2 s and holds at most 86 MB (docs/cost.md).
 */
export const SIZES: Record<Step, { readonly memoryMb: number; readonly timeoutSeconds: number; readonly does: string }> = {
  start: { memoryMb: 256, timeoutSeconds: 30, does: 'Starts one execution per uploaded recording.' },
  validate: { memoryMb: 1024, timeoutSeconds: 90, does: 'Is it a recording? Writes a verdict with every check.' },
  parse: { memoryMb: 1769, timeoutSeconds: 110, does: 'Decodes the file to rows of one lead and 10 seconds.' },
  transform: { memoryMb: 1769, timeoutSeconds: 140, does: 'Gaps, calibration, beats, features, quality labels.' },
  write: { memoryMb: 1769, timeoutSeconds: 75, does: 'Writes one Parquet object per table.' },
  crawl: { memoryMb: 512, timeoutSeconds: 45, does: 'Registers what was written in the catalog, and publishes it.' },
  notify: { memoryMb: 256, timeoutSeconds: 25, does: 'Tells Slack what failed and why.' },
};
