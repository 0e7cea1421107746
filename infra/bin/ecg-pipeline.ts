import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { DataPipelineStack } from '../lib/data-pipeline-stack.ts';
import { settingsFile, settingsFrom } from '../lib/settings.ts';

const app = new App({ context: settingsFile() });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const settings = settingsFrom(app.node);
new DataPipelineStack(app, settings.name, settings);
