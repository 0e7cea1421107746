"""The synthesised template with its references filled in: enough of CloudFormation to read policies and definitions."""

import re

from .ministack import ACCOUNT, REGION


class Template:
    """Resources by logical id, and what `Ref` and `Fn::GetAtt` of them are."""

    def __init__(self, template: dict):
        self._resources = template["Resources"]

    def of(self, kind: str) -> dict[str, dict]:
        """The properties of every resource of this type, with values in the place of references."""
        return {name: self.filled(body.get("Properties", {})) for name, body in self._resources.items() if body["Type"] == kind}

    def filled(self, value):
        """The value with values in the place of references. Fails on one that is not known here."""
        if isinstance(value, list):
            return [self.filled(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            match name:
                case "Ref":
                    return self._ref(argument)
                case "Fn::GetAtt":
                    return self._attribute(*(argument if isinstance(argument, list) else argument.split(".")))
                case "Fn::Join":
                    return argument[0].join(self.filled(part) for part in argument[1])
                case "Fn::Sub":
                    return self._substituted(argument)
        return {key: self.filled(inner) for key, inner in value.items()}

    def arn(self, logical_id: str) -> str:
        """The ARN of a resource."""
        body = self._resources[logical_id]
        properties = body.get("Properties", {})
        match body["Type"]:
            case "AWS::Lambda::Function":
                return _arn("lambda", f"function:{self.filled(properties['FunctionName'])}")
            case "AWS::Lambda::Version":
                return _arn("lambda", f"function:{self.filled(properties['FunctionName'])}:1")
            case "AWS::StepFunctions::StateMachine":
                return _arn("states", f"stateMachine:{self.filled(properties['StateMachineName'])}")
            case "AWS::S3::Bucket":
                return f"arn:aws:s3:::{self._name(logical_id, 'BucketName')}"
            case "AWS::SNS::Topic":
                return _arn("sns", self._name(logical_id, "TopicName"))
            case "AWS::SQS::Queue":
                return _arn("sqs", self._name(logical_id, "QueueName"))
            case "AWS::KMS::Key":
                return _arn("kms", f"key/{logical_id}")
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/{self._name(logical_id, 'RoleName')}"
            case "AWS::Logs::LogGroup":
                return _arn("logs", f"log-group:{self._name(logical_id, 'LogGroupName')}:*")
            case "AWS::Events::Rule":
                return _arn("events", f"rule/{self._name(logical_id, 'Name')}")
            case "AWS::SecretsManager::Secret":
                return _arn("secretsmanager", f"secret:{self._name(logical_id, 'Name')}-aBcDeF")
        # A value that nothing else equals: what is not known grants nothing.
        return f"{body['Type']}:{logical_id}"

    def _name(self, logical_id: str, prop: str) -> str:
        # CloudFormation makes a name from the logical id where the template gives none; buckets are in lower case.
        return self.filled(self._resources[logical_id].get("Properties", {}).get(prop, logical_id.lower()))

    def _ref(self, name: str) -> str:
        pseudo = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
                  "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/ecg-pipeline/1"}
        if name in pseudo:
            return pseudo[name]
        match self._resources[name]["Type"]:
            case "AWS::S3::Bucket":
                return self._name(name, "BucketName")
            case "AWS::Lambda::Function":
                return self._name(name, "FunctionName")
            case "AWS::IAM::Role":
                return self._name(name, "RoleName")
            case "AWS::Logs::LogGroup":
                return self._name(name, "LogGroupName")
        return self.arn(name)

    def _attribute(self, name: str, *path: str) -> str:
        # Everything else is unlike any ARN.
        return self.arn(name) if path in (("Arn",), ("TopicArn",)) else f"{name}.{'.'.join(path)}"

    def _substituted(self, argument) -> str:
        text, values = (argument, {}) if isinstance(argument, str) else argument

        def value(match):
            name = match[1]
            if name in values:
                return self.filled(values[name])
            return self._attribute(*name.split(".")) if "." in name else self._ref(name)

        return re.sub(r"\$\{([^!}]+)\}", value, text)


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"
