// The function `catalog` at each deployment: database, tables and views are made before the functions of the new release change, so
// before they write rows. A deployment at which it fails is rolled back, which calls it once more, for the version before.
//
// A custom resource that the function serves itself. CloudFormation invokes it asynchronously, so where uploads use all of the account's
// concurrency the deployment waits. CDK's Trigger would invoke it synchronously through a provider of its own: then Lambda refuses, the
// deployment fails, and its rollback fails for the same reason (tests/cloud/test_deployments.py did).

import { CustomResource, Duration } from 'aws-cdk-lib';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Catalog } from './catalog.ts';
import { WORKFLOW_STEPS, type Step } from './steps.ts';

export interface CatalogAtDeploymentProps {
  readonly catalog: Catalog;
  readonly functions: Record<Step, lambda.Function>;
}

export class CatalogAtDeployment extends Construct {
  constructor(scope: Construct, id: string, { catalog, functions }: CatalogAtDeploymentProps) {
    super(scope, id);
    const made = new CustomResource(this, 'Made', {
      resourceType: 'Custom::Catalog',
      serviceToken: functions.catalog.functionArn,
      // The most. Load becomes waiting.
      serviceTimeout: Duration.hours(1),
      // Another one where the code or a variable (database, workgroup) changed: then it is called.
      properties: { Version: functions.catalog.currentVersion.functionArn },
    });
    made.node.addDependency(catalog.database, catalog.workgroup);
    WORKFLOW_STEPS.forEach((step) => functions[step].node.addDependency(made));
    // Its targets are the tables.
    catalog.crawler?.node.addDependency(made);
  }
}
