import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { CopyStack } from '../lib/copy-stack.ts';
import { copyOf } from '../lib/copy.ts';
import { DataPipelineStack } from '../lib/data-pipeline-stack.ts';
import { DeliveryStack } from '../lib/delivery-stack.ts';
import { secondStageFrom } from '../lib/second-stage.ts';
import { settingsFile, settingsFrom } from '../lib/settings.ts';

const app = new App({ context: settingsFile() });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const settings = settingsFrom(app.node);
// The command line tells whose credentials it runs with.
const here = { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION };
new DataPipelineStack(app, settings.name, settings);
const copy = copyOf(settings, here);
if (copy) {
  new CopyStack(app, settings, copy, here.account);
}
if (settings.repository !== '') {
  const secondStage = secondStageFrom(app.node, here);
  new DeliveryStack(app, `${settings.name}-delivery`, settings, { secondStage, env: secondStage?.env && here });
}
