import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { expect, test } from 'vitest';
import { SlackChannel } from '../lib/slack-channel.ts';
import { appWith, one } from './synthesised.ts';

const stack = new Stack(appWith(), 'Stack');
new SlackChannel(stack, 'Slack', { workspaceId: 'T1', channelId: 'C1', name: 'trial', topics: [new sns.Topic(stack, 'Topic')] });
const template = Template.fromStack(stack);

test('a channel gets what its topics say', () => {
  const [topicId] = one(template, 'AWS::SNS::Topic');
  expect(one(template, 'AWS::Chatbot::SlackChannelConfiguration')[1].Properties).toMatchObject({
    ConfigurationName: 'trial', SlackWorkspaceId: 'T1', SlackChannelId: 'C1', SnsTopicArns: [{ Ref: topicId }], LoggingLevel: 'ERROR',
  });
});

test('nobody in the channel can do more than look at alarms', () => {
  const [roleId] = one(template, 'AWS::IAM::Role');
  const [policyId, { Properties }] = one(template, 'AWS::IAM::ManagedPolicy');
  expect(one(template, 'AWS::Chatbot::SlackChannelConfiguration')[1].Properties).toMatchObject({
    GuardrailPolicies: [{ Ref: policyId }], IamRoleArn: { 'Fn::GetAtt': [roleId, 'Arn'] },
  });
  expect(Properties.Roles).toEqual([{ Ref: roleId }]);
  expect(template.findResources('AWS::IAM::Policy')).toEqual({});
  const actions = Properties.PolicyDocument.Statement.flatMap(({ Action }: any) => Action);
  expect(actions.length).toBeGreaterThan(3);
  expect(actions.filter((action: string) => !/^cloudwatch:(Describe|Get|List)[A-Za-z]+$/.test(action))).toEqual([]);
});
