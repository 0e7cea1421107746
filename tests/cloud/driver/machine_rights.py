"""What the state machines' roles have to allow, read from the definitions, and what they allow, both from the template.

What a call needs is AWS's documentation in code: "IAM policies for integrated services", "for using Distributed Map states",
"Authorization for versions and aliases" and "Key management" of SNS. A kind of call that is not here is an error and not
nothing, so that a new task in a workflow file cannot pass unseen.
"""

import fnmatch
import json
import re
from dataclasses import dataclass

from .ministack import ACCOUNT, REGION
from .template import Template

# From the pages "Logging using CloudWatch Logs" and "Tracing with X-Ray": given for every resource only.
LOG_DELIVERY = ("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
                "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups")
TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")
RULE_OF_SYNC = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
# In the place of what is known at run time only.
ANY = "something"
_EXPRESSION = re.compile(r"\{%(.*)%\}", re.DOTALL)


@dataclass(frozen=True)
class Need:
    """An action on a resource that a call asks for, and the widest patterns that a grant for it may have."""

    action: str
    resource: str
    within: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Grant:
    """One action on one pattern of resources that a statement allows or denies."""

    action: str
    resource: str
    allows: bool = True

    def covers(self, need: Need) -> bool:
        """As IAM matches: `*` and `?`, actions in any case."""
        return _matches(self.action.lower(), need.action.lower()) and _matches(self.resource, need.resource)

    def is_for(self, need: Need) -> bool:
        """Whether it covers the need and no more than what belongs to it."""
        return self.covers(need) and self.action.lower() == need.action.lower() \
            and any(self.resource == widest or _matches(widest, self.resource) for widest in need.within)


def judge(needs: list[Need], grants: list[Grant]) -> tuple[list[str], list[str]]:
    """What is needed and not granted, and what is granted and not needed."""
    missing = [f"{need.action} on {need.resource} ({need.why})" for need in needs
               if not any(grant.allows and grant.covers(need) for grant in grants)
               or any(not grant.allows and grant.covers(need) for grant in grants)]
    too_much = [f"{grant.action} on {grant.resource}" for grant in grants
                if grant.allows and not any(grant.is_for(need) for need in needs)]
    return missing, too_much


def grants(template: Template, role: str) -> list[Grant]:
    """What the policies of the role say. A condition is not judged here, so none may be there."""
    found = []
    for policy in template.of("AWS::IAM::Policy").values():
        if role in policy["Roles"]:
            found += _grants(policy["PolicyDocument"])
    body = next(body for name, body in template.of("AWS::IAM::Role").items() if role == name.lower() or role == body.get("RoleName"))
    if body.get("ManagedPolicyArns"):
        raise LookupError(f"{role}: managed policies are not judged here")
    return found + [grant for policy in body.get("Policies", []) for grant in _grants(policy["PolicyDocument"])]


def needs(template: Template, machine: dict) -> list[Need]:
    """What the machine's definition, its log and its traces need."""
    definition = _definition(machine)
    needed = []
    if "LoggingConfiguration" in machine:
        needed += [Need(action, "*", ("*",), "its log") for action in LOG_DELIVERY]
    if machine.get("TracingConfiguration", {}).get("Enabled"):
        needed += [Need(action, "*", ("*",), "its traces") for action in TRACING]
    for place, state in _calls(definition, ""):
        needed += _needs_of(template, machine["StateMachineName"], place, state)
    return needed


def _needs_of(template: Template, machine: str, place: str, state: dict) -> list[Need]:
    if state.get("Type") == "Map":
        # "IAM policies for using Distributed Map states": runs, and redrives of them.
        own, label = _machine_arn(machine), f"{machine}/{state.get('Label', '*')}"
        return [
            _exactly("states:StartExecution", own, place),
            _execution("states:DescribeExecution", machine, place), _execution("states:StopExecution", machine, place),
            _execution("states:RedriveExecution", label, place), _execution("states:DescribeExecution", label, place),
            _execution("states:StopExecution", label, place),
        ]

    def argument(name: str) -> str:
        return _argument(state.get("Arguments", {}), name, place)

    def objects(action: str, key: str) -> Need:
        bucket = f"arn:aws:s3:::{argument('Bucket')}"
        # A key that is an expression may be any key below what the expression begins with.
        return Need(action, f"{bucket}/{key}{ANY}", (f"{bucket}/{key}*",), place)

    bucket = f"arn:aws:s3:::{argument('Bucket')}" if ":s3:" in state["Resource"] else ""
    match state["Resource"].removeprefix("arn:aws:states:::"):
        case "lambda:invoke":
            function = argument("FunctionName")
            plain = ":".join(function.split(":")[:7])
            # Executions that began before a deployment call the functions' versions of that time, or the functions themselves.
            earlier = [Need("lambda:InvokeFunction", one, (plain, f"{plain}:*"), f"{place}, of an earlier deployment")
                       for one in (plain, f"{plain}:0")] if function != plain else []
            return [Need("lambda:InvokeFunction", function, (plain, f"{plain}:*"), place), *earlier]
        case "s3:listObjectsV2" | "aws-sdk:s3:listObjectsV2":
            return [_exactly("s3:ListBucket", bucket, place)]
        case "aws-sdk:s3:headObject":
            # Without s3:ListBucket an object that is gone is 403 instead of 404.
            return [objects("s3:GetObject", _begins(argument("Key"))), _exactly("s3:ListBucket", bucket, place)]
        case "aws-sdk:s3:putObject":
            return [objects("s3:PutObject", _begins(argument("Key")))]
        case "s3:putObject":
            # The results of a Map run, which may come in parts.
            return [objects(action, f"{argument('Prefix')}/") for action in (
                "s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload")]
        case "states:startExecution.sync:2":
            started = _machine_of(argument("StateMachineArn"))
            rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{RULE_OF_SYNC}"
            return [
                _exactly("states:StartExecution", _machine_arn(started), place),
                _execution("states:DescribeExecution", started, place), _execution("states:StopExecution", started, place),
                *(_exactly(action, rule, place) for action in ("events:PutTargets", "events:PutRule", "events:DescribeRule")),
            ]
        case "aws-sdk:sfn:startExecution":
            return [_exactly("states:StartExecution", _machine_arn(_machine_of(argument("StateMachineArn"))), place)]
        case "aws-sdk:sfn:getExecutionHistory" | "aws-sdk:sfn:redriveExecution" as call:
            operation = call.rsplit(":", 1)[1]
            # The execution comes with the event: it is one of the machines that the rule for this machine names.
            return [_execution(f"states:{operation[0].upper()}{operation[1:]}", watched, place)
                    for watched in _watched_by(template, machine)]
        case "sns:publish":
            topic = argument("TopicArn")
            return [_exactly("sns:Publish", topic, place), *_to_use_the_key_of(template, topic, place)]
    raise LookupError(f"{place}: not known what {state['Resource']} needs")


def needs_of_rules(template: Template) -> dict[str, list[Need]]:
    """What each role that a rule of EventBridge takes on needs, by role."""
    found: dict[str, list[Need]] = {}
    for rule in template.of("AWS::Events::Rule").values():
        for target in rule["Targets"]:
            if ":stateMachine:" not in target["Arn"]:
                raise LookupError(f"not known what the target {target['Arn']} needs")
            role = target["RoleArn"].rsplit("/", 1)[1]
            found.setdefault(role, []).append(
                _exactly("states:StartExecution", _machine_arn(_machine_of(target["Arn"])), f"rule {rule.get('Name')}"))
    return found


@dataclass(frozen=True)
class ServiceNeed:
    """A service that has to be let in by the policy of a resource."""

    service: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...]


def services_needs(template: Template) -> list[ServiceNeed]:
    """Alarms and notifications: what AWS's services do with topics, their keys and queues."""
    found = []
    for name, alarm in template.of("AWS::CloudWatch::Alarm").items():
        context = (("aws:SourceAccount", ACCOUNT), ("aws:SecureTransport", "true"))
        for target in {*alarm.get("AlarmActions", []), *alarm.get("OKActions", []), *alarm.get("InsufficientDataActions", [])}:
            found.append(ServiceNeed("cloudwatch.amazonaws.com", "sns:Publish", target, context))
            # AWS does not say that alarms tell KMS for whom they ask: nothing is given to a condition on that.
            found += [ServiceNeed("cloudwatch.amazonaws.com", need.action, need.resource, ())
                      for need in _to_use_the_key_of(template, target, name)]
    for logical_id, rule in template.of("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            if "DeadLetterConfig" in target:
                found.append(ServiceNeed("events.amazonaws.com", "sqs:SendMessage", target["DeadLetterConfig"]["Arn"],
                                         (("aws:SourceArn", template.arn(logical_id)), ("aws:SecureTransport", "true"))))
    for logical_id, bucket in template.of("AWS::S3::Bucket").items():
        for configured in bucket.get("NotificationConfiguration", {}).get("QueueConfigurations", []):
            found.append(ServiceNeed("s3.amazonaws.com", "sqs:SendMessage", configured["Queue"], (
                ("aws:SourceArn", template.arn(logical_id)), ("aws:SourceAccount", ACCOUNT), ("aws:SecureTransport", "true"))))
    return sorted(set(found), key=str)


def resource_statements(template: Template) -> list[dict]:
    """The statements of the policies of topics, queues and keys. A key's star is the key itself."""
    found = []
    for kind in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
        for policy in template.of(kind).values():
            found += policy["PolicyDocument"]["Statement"]
    for logical_id, key in template.of("AWS::KMS::Key").items():
        found += [statement | {"Resource": template.arn(logical_id)} for statement in key["KeyPolicy"]["Statement"]]
    return found


def lets_in(statements: list[dict], need: ServiceNeed) -> bool:
    """Whether the policies let the service do it."""
    hits = [statement for statement in statements if _statement_covers(statement, need)]
    return bool(hits) and all(statement["Effect"] == "Allow" for statement in hits)


def _statement_covers(statement: dict, need: ServiceNeed) -> bool:
    principal = statement["Principal"]
    services = _list(principal.get("Service", [])) if isinstance(principal, dict) else []
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in _list(principal.get("AWS", [])))
    return (everybody or need.service in services) \
        and any(_matches(action.lower(), need.action.lower()) for action in _list(statement["Action"])) \
        and any(_matches(resource, need.resource) for resource in _list(statement["Resource"])) \
        and _conditions_hold(statement.get("Condition", {}), dict(need.context))


def _conditions_hold(conditions: dict, context: dict[str, str]) -> bool:
    """Every operator and key has to hold; a key that the request has not makes an operator of these false."""
    for operator, keys in conditions.items():
        for key, expected in keys.items():
            actual = context.get(key)
            match operator:
                case "StringEquals" | "ArnEquals" | "ArnLike" | "StringLike" | "Bool":
                    exact = operator in ("StringEquals", "Bool")
                    if actual is None or not any(actual == one if exact else _matches(one, actual) for one in _list(expected)):
                        return False
                case _:
                    raise LookupError(f"the condition {operator} is not judged here")
    return True


def trusts(role: dict, service: str, context: dict[str, str]) -> bool:
    """Whether the role can be taken on by the service, and by nobody else."""
    statements = role["AssumeRolePolicyDocument"]["Statement"]
    return all(statement["Effect"] == "Allow" and statement["Principal"] == {"Service": service}
               and statement["Action"] == "sts:AssumeRole" and _conditions_hold(statement.get("Condition", {}), context)
               for statement in statements) and len(statements) == 1


def _grants(document: dict) -> list[Grant]:
    found = []
    for statement in document["Statement"]:
        if "Condition" in statement or "NotAction" in statement or "NotResource" in statement:
            raise LookupError(f"not judged here: {statement}")
        found += [Grant(action, resource, statement["Effect"] == "Allow")
                  for action in _list(statement["Action"]) for resource in _list(statement["Resource"])]
    return found


def _definition(machine: dict) -> dict:
    text = machine["DefinitionString"]
    for name, value in machine.get("DefinitionSubstitutions", {}).items():
        text = text.replace(f"${{{name}}}", value)
    if "${" in text:
        raise LookupError(f"{machine['StateMachineName']}: a placeholder was not filled: {text[text.index('${'):][:40]}")
    return json.loads(text)


def _calls(node, place: str) -> list[tuple[str, dict]]:
    """Every place with a `Resource`, and every Map that runs its items as executions."""
    found = []
    if isinstance(node, dict):
        if isinstance(node.get("Resource"), str):
            found.append((place, node))
        if node.get("Type") == "Map" and node.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            found.append((place, node))
        for key, inner in node.items():
            found += _calls(inner, f"{place}/{key}".removeprefix("/States"))
    return found


def _argument(arguments, name: str, place: str) -> str:
    """The text of an argument; of arguments that are one expression, what stands in it for that name."""
    if isinstance(arguments, dict):
        if isinstance(arguments.get(name), str):
            return arguments[name]
    elif match := re.search(rf"'{name}':\s*('[^']*'|[^,}}]+)", arguments):
        return match[1].strip("'") if match[1].startswith("'") else f"{{% {match[1]} %}}"
    raise LookupError(f"{place}: expected an argument {name}, found {arguments}")


def _begins(key: str) -> str:
    """The part of a key that is known before it runs."""
    expression = _EXPRESSION.fullmatch(key)
    if not expression:
        return key
    literal = re.match(r"\s*'([^']*)'", expression[1])
    return literal[1] if literal else ""


def _machine_of(arn: str) -> str:
    """The name in the ARN of a machine, of its version or of its alias: IAM asks about the machine itself."""
    if not arn.startswith(f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:"):
        raise LookupError(f"expected the ARN of a state machine, found {arn}")
    return arn.split(":")[6]


def _watched_by(template: Template, machine: str) -> list[str]:
    found = [_machine_of(arn) for rule in template.of("AWS::Events::Rule").values()
             if any(_machine_of(target["Arn"]) == machine for target in rule["Targets"])
             for arn in rule["EventPattern"]["detail"]["stateMachineArn"]]
    if not found:
        raise LookupError(f"no rule starts {machine}: not known whose executions it is about")
    return found


def _to_use_the_key_of(template: Template, topic: str, place: str) -> list[Need]:
    for logical_id, body in template.of("AWS::SNS::Topic").items():
        if template.arn(logical_id) == topic:
            key = body.get("KmsMasterKeyId")
            return [_exactly(action, key, place) for action in ("kms:Decrypt", "kms:GenerateDataKey")] if key else []
    raise LookupError(f"{place}: no topic {topic}")


def _machine_arn(name: str) -> str:
    return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"


def _execution(action: str, machine: str, place: str) -> Need:
    executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:"
    return Need(action, executions + ANY, (executions + "*",), place)


def _exactly(action: str, resource: str, place: str) -> Need:
    return Need(action, resource, (resource,), place)


def _matches(pattern: str, text: str) -> bool:
    # A bracket is no pattern for IAM.
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]"))


def _list(value) -> list:
    return value if isinstance(value, list) else [value]
