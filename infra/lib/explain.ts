// cdk-nag wants a reason for every star in a policy. Each finding is acknowledged by its exact name, so that a new star
// is a new finding.

import { Stack, Token, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Gives the reason for the stars in the resources of these statements. */
export function explain(construct: IConstruct, statements: readonly PolicyStatement[], reason: string): void {
  const starred = statements.flatMap((statement) => statement.resources).filter((resource) => resource.includes('*'));
  for (const resource of new Set(starred)) {
    explainResource(construct, resource, reason);
  }
}

/** Gives the reason for one star in a resource. */
export function explainResource(construct: IConstruct, resource: string, reason: string): void {
  acknowledge(construct, `AwsSolutions-IAM5[Resource::${flat(construct, resource)}]`, reason);
}

/** Gives the reason for one finding of cdk-nag. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

/** A value as cdk-nag writes it: `<LogicalId.Attribute>` for what is known at deployment only. */
function flat(construct: IConstruct, value: string): string {
  const resolved: unknown = Token.isUnresolved(value) ? Stack.of(construct).resolve(value) : value;
  return text(resolved);
}

function text(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  const [name, argument] = Object.entries(value as Record<string, unknown>)[0] ?? [];
  switch (name) {
    case 'Ref': return `<${String(argument)}>`;
    case 'Fn::GetAtt': return `<${(argument as string[]).join('.')}>`;
    case 'Fn::Join': return (argument as [string, unknown[]])[1].map(text).join((argument as [string])[0]);
    default: throw new Error(`no text for ${JSON.stringify(value)}`);
  }
}
