"""Where the emulator cannot do, or does not do right, what the template asks for. Each with the reason.

`test_deployment.py` fails for an entry that the template has no more, or that the emulator does right meanwhile.
"""

# Types that the emulator cannot make.
LEFT_OUT: dict[str, str] = {
    "AWS::Logs::QueryDefinition": "the emulator does not know the type, and has no Logs Insights; infra/test holds the queries",
    "AWS::Athena::NamedQuery": "the emulator does not know the type; test_sql.py reads the queries in the template",
}

# The same, of what a setting makes only.
LEFT_OUT_BY_SETTING: dict[str, str] = {
    "AWS::CloudTrail::Trail": "the emulator does not know the type, and records no data events; infra/test holds its selectors",
    "AWS::Budgets::Budget": "the emulator does not know the type; infra/test holds its limits",
}

# Types that the emulator can make, but not with this property.
LEFT_OUT_WITH: dict[tuple[str, str], str] = {
    ("AWS::CloudWatch::Alarm", "Metrics"): "the emulator's alarms watch one metric, not a sum of several; infra/test holds the sum",
}

# Types whose `Ref` the emulator answers with something else than CloudFormation, and the attribute to ask for instead.
REF_MEANS: dict[str, tuple[str, str]] = {
    "AWS::SecretsManager::Secret": ("Id", "Ref is the secret's ARN; the emulator answers its name, which grants nothing"),
}


def deployable(template: dict) -> tuple[dict, dict[str, dict]]:
    """The template as the emulator can make it, and the resources that were left out of it by logical id.

    Nothing else may refer to a resource that is left out: the emulator would refuse the template.
    """
    resources = template["Resources"]
    attributes = {name: REF_MEANS[body["Type"]][0] for name, body in resources.items() if body["Type"] in REF_MEANS}
    left_out = {name: body for name, body in resources.items()
                if body["Type"] in LEFT_OUT | LEFT_OUT_BY_SETTING or any(_has(body, *gap) for gap in LEFT_OUT_WITH)}
    rest = {name: _asking_for(body, attributes) for name, body in resources.items() if name not in left_out}
    return template | {"Resources": rest}, left_out


def _has(body: dict, kind: str, name: str) -> bool:
    return body["Type"] == kind and name in body.get("Properties", {})


def _asking_for(value, attributes: dict[str, str]):
    """The value with `Ref` of those resources replaced."""
    if isinstance(value, dict):
        if value.keys() == {"Ref"} and value["Ref"] in attributes:
            return {"Fn::GetAtt": [value["Ref"], attributes[value["Ref"]]]}
        return {key: _asking_for(inner, attributes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_asking_for(inner, attributes) for inner in value]
    return value
