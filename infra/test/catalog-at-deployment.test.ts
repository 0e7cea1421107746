// The function catalog is called by each deployment, before the functions of its release change.

import { expect, test } from 'vitest';
import { WORKFLOW_STEPS } from '../lib/steps.ts';
import { asText, before, one, pipeline } from './synthesised.ts';

const { template } = pipeline();
const [madeId, made] = one(template, 'Custom::Catalog');
const functionId = (step: string, from = template) =>
  one(from, 'AWS::Lambda::Function', ({ Properties }) => Properties.FunctionName === `ecg-pipeline-${step}`)[0];
const versionOf = (from: typeof template) => asText(one(from, 'Custom::Catalog')[1].Properties.Version);

test('catalog itself serves the resource, whose token never changes, and has an hour to answer', () => {
  const [versionId] = one(template, 'AWS::Lambda::Version', ({ Properties }) => Properties.FunctionName.Ref === functionId('catalog'));
  expect(made.Properties).toEqual({
    ServiceToken: { 'Fn::GetAtt': [functionId('catalog'), 'Arn'] }, ServiceTimeout: '3600', Version: { Ref: versionId },
  });
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
  const waitsFor = before(template, madeId);
  const [database] = one(template, 'AWS::Glue::Database');
  const [workgroup] = one(template, 'AWS::Athena::WorkGroup');
  const [policy] = one(template, 'AWS::IAM::Policy', (_, id) => id.startsWith('FunctionsCatalogRoleDefaultPolicy'));
  expect([...waitsFor]).toEqual(expect.arrayContaining([database, workgroup, policy]));
  for (const step of WORKFLOW_STEPS) {
    expect([...before(template, functionId(step))], step).toContain(madeId);
    expect([...waitsFor], step).not.toContain(functionId(step));
  }
  const [live] = one(template, 'AWS::StepFunctions::StateMachineAlias');
  expect([...before(template, live)]).toContain(madeId);
  const { template: withCrawler } = pipeline({ crawler: true });
  expect([...before(withCrawler, one(withCrawler, 'AWS::Glue::Crawler')[0])]).toContain(one(withCrawler, 'Custom::Catalog')[0]);
});

test('no table and no view is a resource of the stack, so nothing of them goes with it', () => {
  const kinds = Object.values(template.toJSON().Resources as Record<string, { Type: string }>).map(({ Type }) => Type);
  expect(kinds.filter((kind) => kind.startsWith('AWS::Glue::'))).toEqual(['AWS::Glue::Database']);
  expect(JSON.stringify(template.toJSON())).not.toContain('CREATE OR REPLACE VIEW');
});
