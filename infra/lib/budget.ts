// What the deployment costs: a tag that all its resources have, and a budget that counts what has the tag.

import { Stack, Tags } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';
import type { Alerts } from './alerts.ts';
import type { Settings } from './settings.ts';

/** Bills can be split by it once it is activated (README.md). */
export const TAG = 'pipeline';

/** Gives every resource of the stack the tag. */
export function tag(stack: Stack, { name }: Settings): void {
  Tags.of(stack).add(TAG, name);
}

export class Budget extends Construct {
  constructor(scope: Construct, id: string, { name, monthlyBudgetUsd }: Settings, alerts: Alerts) {
    super(scope, id);
    alerts.letIn('budgets.amazonaws.com');
    const told = (notificationType: string, threshold: number): CfnBudget.NotificationWithSubscribersProperty => ({
      notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold, thresholdType: 'PERCENTAGE' },
      subscribers: [{ subscriptionType: 'SNS', address: alerts.topic.topicArn }],
    });
    const budget = new CfnBudget(this, 'Budget', {
      budget: {
        // Budgets are one list for all regions of an account.
        budgetName: `${name}-${Stack.of(this).region}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyBudgetUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:${TAG}$${name}`] },
      },
      notificationsWithSubscribers: [told('ACTUAL', 80), told('FORECASTED', 100)],
    });
    // Budgets tries the topic at once.
    budget.node.addDependency(alerts);
  }
}
