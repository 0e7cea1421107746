import { CfnResource, TagManager } from 'aws-cdk-lib';
import { expect, test } from 'vitest';
import { TAG } from '../lib/budget.ts';
import { copyStack, everything, one, pipeline, resources } from './synthesised.ts';

test('everything that can have a tag has the one that bills are split by', () => {
  for (const { stack, template } of [everything(), copyStack()]) {
    const taggable = stack.node.findAll().filter((made): made is CfnResource => made instanceof CfnResource && TagManager.isTaggable(made));
    expect(taggable.length).toBeGreaterThan(2);
    for (const made of taggable) {
      const properties = template.toJSON().Resources[stack.getLogicalId(made)].Properties;
      const tags = properties.Tags ?? properties.ResourceTags;
      expect(Array.isArray(tags) ? tags : Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value })), made.node.path)
        .toContainEqual({ Key: TAG, Value: 'ecg-pipeline' });
    }
  }
});

test('the budget counts what has that tag, and tells the topic at 80 % spent and 100 % expected', () => {
  const { template } = everything();
  const [topicId] = one(template, 'AWS::SNS::Topic');
  const [, { Properties, DependsOn }] = one(template, 'AWS::Budgets::Budget');
  expect(Properties.Budget).toMatchObject({
    BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 200, Unit: 'USD' }, CostFilters: { TagKeyValue: [`user:${TAG}$ecg-pipeline`] },
  });
  expect(Properties.NotificationsWithSubscribers.map(({ Notification, Subscribers }: any) => [Notification, Subscribers])).toEqual([
    [{ NotificationType: 'ACTUAL', ComparisonOperator: 'GREATER_THAN', Threshold: 80, ThresholdType: 'PERCENTAGE' }, [{ SubscriptionType: 'SNS', Address: { Ref: topicId } }]],
    [{ NotificationType: 'FORECASTED', ComparisonOperator: 'GREATER_THAN', Threshold: 100, ThresholdType: 'PERCENTAGE' }, [{ SubscriptionType: 'SNS', Address: { Ref: topicId } }]],
  ]);
  const [policyId, policy] = one(template, 'AWS::SNS::TopicPolicy');
  expect(DependsOn).toContain(policyId);
  expect(policy.Properties.PolicyDocument.Statement).toContainEqual(expect.objectContaining({
    Effect: 'Allow', Action: 'sns:Publish', Principal: { Service: ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com'] },
    Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
  }));
});

test('by default there is none, and Budgets may not publish', () => {
  const { template } = pipeline();
  expect(resources(template, 'AWS::Budgets::Budget')).toEqual({});
  expect(JSON.stringify(template.toJSON())).not.toContain('budgets.amazonaws.com');
});
