// The names of the second copy. Two stacks have to know them that do not know each other: the pipeline, and `copy-stack.ts`.

import { Aws, type Environment } from 'aws-cdk-lib';
import { wrong, type Settings } from './settings.ts';

export interface Copy {
  /** The stack with the buckets of the copy. */
  readonly stackName: string;
  readonly region: string;
  /** The account of the copy; that of the pipeline if the setting names none. */
  readonly account: string;
  readonly otherAccount: boolean;
  /** The role of the pipeline's stack that S3 copies with. */
  readonly roleName: string;
  readonly raw: string;
  readonly processed: string;
  readonly keyAlias: string;
}

/** S3's limit on the name of a bucket. */
const LONGEST = 63;

/** Where the second copy is, if there is one. `here` is where the pipeline is, as far as it is known. */
export function copyOf({ name, secondCopy }: Settings, here: Environment = {}): Copy | undefined {
  if (secondCopy === '') {
    return undefined;
  }
  const [region, number] = secondCopy.split('/').reverse() as [string, string?];
  if (number === undefined && region === here.region) {
    wrong('secondCopy', 'another region than that of the pipeline, or account/region', secondCopy);
  }
  const account = number ?? Aws.ACCOUNT_ID;
  const bucket = (what: string) => `${name}-copy-${what}-${account}-${region}`;
  const room = LONGEST - `-copy-processed-123456789012-${region}`.length;
  if (name.length > room) {
    wrong('name', `at most ${room} characters, since secondCopy is ${secondCopy} and the names of its buckets begin with it`, name);
  }
  return {
    stackName: `${name}-copy`, region, account, otherAccount: number !== undefined,
    roleName: `${name}-copy-to-${region}`, raw: bucket('raw'), processed: bucket('processed'), keyAlias: `alias/${name}-copy`,
  };
}
