// The function catalog is called by each deployment, before the functions of its release change.

import { describe, expect, test } from 'vitest';
import { WORKFLOW_STEPS } from '../lib/steps.ts';
import { asText, before, one, pipeline, resources } from './synthesised.ts';

const { template } = pipeline();
const [triggerId, trigger] = one(template, 'Custom::Trigger');
const functionId = (step: string, from = template) =>
  one(from, 'AWS::Lambda::Function', ({ Properties }) => Properties.FunctionName === `ecg-pipeline-${step}`)[0];
const versionOf = (from: typeof template) => asText(one(from, 'Custom::Trigger')[1].Properties.HandlerArn);

test('it calls a version of catalog and waits for the answer, for longer than the function may take', () => {
  const [versionId] = one(template, 'AWS::Lambda::Version', ({ Properties }) => Properties.FunctionName.Ref === functionId('catalog'));
  expect(trigger.Properties).toMatchObject({ HandlerArn: { Ref: versionId }, InvocationType: 'RequestResponse', ExecuteOnHandlerChange: true });
  const [, { Properties }] = one(template, 'AWS::Lambda::Function', (_, id) => id === functionId('catalog'));
  expect(Number(trigger.Properties.Timeout)).toBeGreaterThan(1000 * Properties.Timeout);
  // CloudFormation waits no longer than this for the provider.
  expect(Properties.Timeout).toBeLessThan(900);
});

test('it is called again where the database or the workgroup is another one, and not for any other setting', () => {
  expect(versionOf(pipeline().template)).toBe(versionOf(template));
  expect(versionOf(pipeline({ database: 'other' }).template)).not.toBe(versionOf(template));
  expect(versionOf(pipeline({ name: 'other' }).template)).not.toBe(versionOf(template));
  for (const changed of [{ crawler: true }, { logDays: '30' }, { canaryMinutes: 0 }, { scanLimitGb: 5 }]) {
    expect(versionOf(pipeline(changed).template), JSON.stringify(changed)).toBe(versionOf(template));
  }
});

test('database, workgroup and rights are there before it, and every function of the workflow comes after it', () => {
  const waitsFor = before(template, triggerId);
  const [database] = one(template, 'AWS::Glue::Database');
  const [workgroup] = one(template, 'AWS::Athena::WorkGroup');
  const [policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.startsWith('FunctionsCatalogRoleDefaultPolicy'));
  expect([...waitsFor]).toEqual(expect.arrayContaining([database, workgroup, policy]));
  for (const step of WORKFLOW_STEPS) {
    expect([...before(template, functionId(step))], step).toContain(triggerId);
    expect([...waitsFor], step).not.toContain(functionId(step));
  }
  const [live] = one(template, 'AWS::StepFunctions::StateMachineAlias');
  expect([...before(template, live)]).toContain(triggerId);
  const { template: withCrawler } = pipeline({ crawler: true });
  expect([...before(withCrawler, one(withCrawler, 'AWS::Glue::Crawler')[0])]).toContain(one(withCrawler, 'Custom::Trigger')[0]);
});

test('no table and no view is a resource of the stack, so nothing of them goes with it', () => {
  const kinds = Object.values(template.toJSON().Resources as Record<string, { Type: string }>).map(({ Type }) => Type);
  expect(kinds.filter((kind) => kind.startsWith('AWS::Glue::'))).toEqual(['AWS::Glue::Database']);
  expect(JSON.stringify(template.toJSON())).not.toContain('CREATE OR REPLACE VIEW');
});

describe('the provider of the trigger', () => {
  const [, provider] = one(template, 'AWS::Lambda::Function', (_, id) => id.startsWith('AWSCDKTrigger'));
  const [, role] = one(template, 'AWS::IAM::Role', (_, id) => id === provider.Properties.Role['Fn::GetAtt'][0]);

  test('may call catalog and write its log, and nothing else', () => {
    expect(role.Properties.ManagedPolicyArns).toBeUndefined();
    const rights = role.Properties.Policies.flatMap(({ PolicyDocument }: any) => PolicyDocument.Statement).flatMap((statement: any) =>
      statement.Action.map((action: string) => `${statement.Effect} ${action} on ${statement.Resource.map(asText).join()}`));
    const [groupId] = one(template, 'AWS::Logs::LogGroup', ({ Properties }) => Properties.LogGroupName === '/aws/lambda/ecg-pipeline-catalog-trigger');
    expect(rights).toEqual([
      `Allow lambda:InvokeFunction on \${${functionId('catalog')}.Arn}:*`,
      `Allow logs:CreateLogStream on \${${groupId}.Arn}`,
      `Allow logs:PutLogEvents on \${${groupId}.Arn}`,
    ]);
  });

  test('logs for as long as the setting says', () => {
    const [groupId] = one(template, 'AWS::Logs::LogGroup', ({ Properties }) => Properties.LogGroupName === '/aws/lambda/ecg-pipeline-catalog-trigger');
    expect(provider.Properties.LoggingConfig).toEqual({ LogGroup: { Ref: groupId } });
    expect(resources(template, 'AWS::Logs::LogGroup')[groupId]!.Properties.RetentionInDays).toBe(90);
  });
});
