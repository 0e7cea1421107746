// The function `catalog` at each deployment: database, tables and views are made before the functions of the new release change, so
// before they write rows. A deployment at which it fails is rolled back.
//
// By CDK's Trigger: a resource of the stack whose one property is the version of the function, which is another one where the code or
// a variable (database, workgroup) changed. When an update is rolled back, CloudFormation sets the property back, and the version
// before makes its views again; when the stack is deleted, nothing is called. CDK's provider answers CloudFormation also where our
// function cannot: one that answered by itself and crashed would leave the deployment waiting.

import { CfnResource, RemovalPolicy, Stack, type CustomResourceProviderBase } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Trigger } from 'aws-cdk-lib/triggers';
import { Construct } from 'constructs';
import type { Catalog } from './catalog.ts';
import type { Settings } from './settings.ts';
import { WORKFLOW_STEPS, type Step } from './steps.ts';

/** The provider in a stack, under the name that Trigger gives it. */
export const PROVIDER = 'AWSCDK.TriggerCustomResourceProviderCustomResourceProvider';

export interface CatalogAtDeploymentProps {
  readonly settings: Settings;
  readonly catalog: Catalog;
  readonly functions: Record<Step, lambda.Function>;
}

export class CatalogAtDeployment extends Construct {
  constructor(scope: Construct, id: string, { settings, catalog, functions }: CatalogAtDeploymentProps) {
    super(scope, id);
    const trigger = new Trigger(this, 'Trigger', {
      handler: functions.catalog,
      executeAfter: [catalog.database, catalog.workgroup],
      executeBefore: WORKFLOW_STEPS.map((step) => functions[step]),
    });
    // Its targets are the tables.
    catalog.crawler?.node.addDependency(trigger);
    this.lessRights(settings);
  }

  /** CDK gives the provider's role a managed policy for all logs. Here it has a log group, as every other function. */
  private lessRights(settings: Settings): void {
    const logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/aws/lambda/${settings.name}-catalog-trigger`,
      retention: settings.logDays as logs.RetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const provider = Stack.of(this).node.findChild(PROVIDER) as CustomResourceProviderBase;
    provider.addToRolePolicy({
      Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: [logGroup.logGroupArn],
    });
    const part = (name: string) => provider.node.findChild(name) as CfnResource;
    part('Role').addPropertyDeletionOverride('ManagedPolicyArns');
    part('Handler').addPropertyOverride('LoggingConfig', { LogGroup: logGroup.logGroupName });
  }
}
