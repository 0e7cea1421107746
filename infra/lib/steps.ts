// The functions, from functions/steps.json.

import file from '../../functions/steps.json' with { type: 'json' };

export type Step = keyof typeof file.steps;

/** What each function or all of them get. */
interface Given {
  /** Variables: `needed`, or `optional`. */
  readonly environment: Readonly<Record<string, string>>;
  /** Actions by place: `raw` is the bucket, `raw/*` the objects in it. */
  readonly rights: Rights;
}

export type Rights = Readonly<Record<string, readonly string[]>>;

export interface Entry extends Given {
  readonly does: string;
  /** Whether the workflow calls it. `start` starts the workflow; a deployment calls `catalog`. */
  readonly in_workflow: boolean;
  /**
   * Lambda gives one processor for 1769 MB and a share of it for less, so where samples are computed memory buys speed. A day of
   * two leads takes 0.4 to 5.2 s and holds at most 86 MB (docs/cost.md).
   */
  readonly memory_mb: number;
  /** Below the `TimeoutSeconds` of its state, so that the function can still report the failed step. */
  readonly timeout_seconds: number;
  /** The rights instead of `rights` where this variable is set. */
  readonly rights_with?: Readonly<Record<string, Rights>>;
}

export const EVERY: Given = file.every;
export const ENTRIES: Readonly<Record<Step, Entry>> = file.steps;
export const STEPS = Object.keys(ENTRIES) as Step[];
export const WORKFLOW_STEPS = STEPS.filter((step) => ENTRIES[step].in_workflow);
