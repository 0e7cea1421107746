"""Holds calls against AWS's own models of its services, as botocore carries them.

Of a request: the operation that it is, its members, which have to be there, their types, enumerations, lengths, ranges and
patterns. Of an answer: the same, after botocore's parser has read it. An operation that is not in the model, a parameter or an
`x-amz-` header that its operation has not, are violations. Not judged: what is uploaded and downloaded, elements of an XML answer that
the model does not know (the parser passes over them), and patterns that Python cannot read.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import botocore.parsers
import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape

# The name in a signature to botocore's.
SERVICES = {"s3": "s3", "glue": "glue", "states": "stepfunctions", "secretsmanager": "secretsmanager", "athena": "athena"}

# Errors that any operation may answer (page "Common errors" of each service), and S3's, which has none in its model.
COMMON_ERRORS = {
    "AccessDeniedException", "ExpiredTokenException", "IncompleteSignature", "InternalFailure", "InternalServerError",
    "NotAuthorized", "OptInRequired", "RequestExpired", "ServiceUnavailable", "ThrottlingException",
    "UnrecognizedClientException", "ValidationException",
}
# Pages "Error responses" and "SlowDown" of S3.
S3_ERRORS = {
    "AccessDenied", "BadDigest", "ConditionalRequestConflict", "EntityTooSmall", "InternalError", "InvalidArgument", "InvalidPart",
    "InvalidPartOrder", "InvalidRange", "InvalidRequest", "NoSuchBucket", "NoSuchKey", "NoSuchUpload", "NoSuchVersion",
    "PreconditionFailed", "RequestTimeout", "ServiceUnavailable", "SlowDown",
}
# Headers of the protocol and of the signature, in no model.
PROTOCOL_HEADERS = {
    "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length", "x-amz-security-token", "x-amz-target", "x-amz-trailer",
    "x-amz-user-agent", "x-amz-id-2", "x-amz-request-id", "x-amzn-requestid", "x-amzn-errortype", "x-amzn-trace-id", "x-amz-te",
    "x-amz-bucket-region",
}
# Names the operation for the service's own counts.
PROTOCOL_QUERY = {"x-id"}


@dataclass(frozen=True)
class Request:
    """What was asked. `body` is empty where it is not judged."""

    service: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What came. `body` is empty where it is not judged."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unknown(Exception):
    """No operation is like this request."""


def violations(request: Request, answer: Answer | None) -> tuple[str, list[str]]:
    """The operation's name, and what is wrong with the request and its answer."""
    try:
        operation, told = _read(request)
    except Unknown as unknown:
        return "?", [f"request: {unknown}"]
    found = [f"request: {one}" for one in told]
    if answer is not None:
        found += [f"answer: {one}" for one in _wrong_with_answer(operation, answer)]
    return operation.name, found


def wrong_members(operation: OperationModel, members: dict) -> list[str]:
    """What is wrong with the input of an operation, by the model's names."""
    return list(_wrong(operation.input_shape, members, operation.name, wire=False))


def wrong_result(operation: OperationModel, members: dict) -> list[str]:
    """What is wrong with the output of an operation, by the model's names."""
    return list(_wrong(operation.output_shape, members, operation.name, wire=False))


@cache
def model(service: str) -> ServiceModel:
    """The model of a service by its name in signatures."""
    return botocore.session.get_session().get_service_model(SERVICES[service])


# -- requests


def _read(request: Request) -> tuple[OperationModel, list[str]]:
    if request.service not in SERVICES:
        raise Unknown(f"the service {request.service!r} is none that a function calls")
    service = model(request.service)
    return _read_json(service, request) if service.protocol == "json" else _read_rest(service, request)


def _read_json(service: ServiceModel, request: Request) -> tuple[OperationModel, list[str]]:
    target = request.headers.get("x-amz-target", "")
    prefix, _, name = target.partition(".")
    if prefix != service.metadata["targetPrefix"] or name not in service.operation_names:
        raise Unknown(f"{service.service_name} has no operation {target!r}")
    operation = service.operation_model(name)
    told = []
    content_type = f"application/x-amz-json-{service.metadata['jsonVersion']}"
    if request.headers.get("content-type") != content_type:
        told.append(f"Content-Type: expected {content_type}, found {request.headers.get('content-type')}")
    if (request.method, request.path, request.query) != ("POST", "/", ""):
        told.append(f"expected POST /, found {request.method} {request.path}?{request.query}")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        return operation, [*told, f"no JSON: {error}"]
    return operation, told + list(_wrong(operation.input_shape, body, name))


def _read_rest(service: ServiceModel, request: Request) -> tuple[OperationModel, list[str]]:
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    # S3 takes a bucket with and without the slash behind it.
    path = request.path.rstrip("/") if request.path.count("/") == 2 else request.path
    candidates = []
    for name in service.operation_names:
        operation = service.operation_model(name)
        match = _path_pattern(operation).fullmatch(path)
        if operation.http["method"] != request.method or not match:
            continue
        literals, required = _literals(operation), _required_outside(operation)
        if all(query.get(key) == value for key, value in literals.items()) and all(
                (where == "querystring" and key in query) or (where == "header" and key in request.headers)
                for where, key in required):
            candidates.append((len(literals) + len(required), name, match))
    if not candidates:
        raise Unknown(f"{service.service_name} has no operation {request.method} {request.path}?{request.query}")
    most = max(score for score, _, _ in candidates)
    best = [(name, match) for score, name, match in candidates if score == most]
    # `x-id` says which of them is meant. Without: the one that needs no more than it has, and is no operation of its own kind.
    named = [one for one in best if one[0] == query.get("x-id")] or [one for one in best if one[0] in _PLAIN] or best
    if len(named) != 1 or query.get("x-id", named[0][0]) != named[0][0]:
        raise Unknown(f"{request.method} {request.path}?{request.query} is {sorted(name for name, _ in named)}")
    name, match = named[0]
    operation = service.operation_model(name)
    members, told = _members_of_rest(operation, match, query, request)
    return operation, told + list(_wrong(operation.input_shape, members, name, wire=False))


# Of several operations that differ in optional parameters only.
_PLAIN = {"GetObject", "PutObject", "ListObjectsV2", "HeadObject", "DeleteObject"}


@cache
def _path_pattern(operation: OperationModel) -> re.Pattern:
    path = operation.http["requestUri"].split("?")[0]
    parts = re.split(r"(\{\w+\+?\})", path)
    return re.compile("".join(
        f"(?P<{part.strip('{}+')}>{'.+' if part.endswith('+}') else '[^/]+'})" if part.startswith("{") else re.escape(part)
        for part in parts))


@cache
def _literals(operation: OperationModel) -> dict[str, str]:
    _, _, query = operation.http["requestUri"].partition("?")
    return dict(parse_qsl(query, keep_blank_values=True))


@cache
def _required_outside(operation: OperationModel) -> list[tuple[str, str]]:
    shape = operation.input_shape
    if shape is None:
        return []
    found = []
    for name in shape.required_members:
        serialization = shape.members[name].serialization
        if serialization.get("location") in ("querystring", "header"):
            found.append((serialization["location"], serialization["name"].lower()
                          if serialization["location"] == "header" else serialization["name"]))
    return found


def _members_of_rest(operation, match, query: dict[str, str], request: Request) -> tuple[dict, list[str]]:
    members, told, used = {}, [], set()
    for name, shape in operation.input_shape.members.items():
        serialization = shape.serialization
        where, wire = serialization.get("location"), serialization.get("name", name)
        text = None
        if where == "uri":
            text = unquote(match[wire])
        elif where == "querystring" and wire in query:
            used.add(wire)
            text = query[wire]
        elif where == "header" and wire.lower() in request.headers:
            used.add(wire.lower())
            text = request.headers[wire.lower()]
        elif where == "headers":
            pairs = {key[len(wire):]: value for key, value in request.headers.items() if key.startswith(wire.lower())}
            used |= {wire.lower() + key for key in pairs}
            if pairs:
                members[name] = pairs
        if text is not None:
            try:
                members[name] = _typed(shape, text)
            except ValueError as error:
                told.append(f"{name}: {error}")
    payload = operation.input_shape.serialization.get("payload")
    if payload and operation.input_shape.members[payload].type_name == "structure" and request.body:
        try:
            members[payload] = _from_xml(operation.input_shape.members[payload], request.body)
        except (ElementTree.ParseError, ValueError) as error:
            told.append(f"body: {error}")
    unknown = set(query) - used - set(_literals(operation)) - PROTOCOL_QUERY
    told += [f"{operation.name} has no parameter {one}" for one in sorted(unknown)]
    unknown = {one for one in request.headers if one.startswith("x-amz")} - used - PROTOCOL_HEADERS
    told += [f"{operation.name} has no header {one}" for one in sorted(unknown)]
    return members, told


def _typed(shape: Shape, text: str):
    match shape.type_name:
        case "integer" | "long":
            return int(text)
        case "boolean":
            if text not in ("true", "false"):
                raise ValueError(f"expected true or false, found {text}")
            return text == "true"
        case "timestamp":
            return botocore.parsers.parse_timestamp(text)
        case "float" | "double":
            return float(text)
        case "list":
            return text.split(",")
    return text


def _from_xml(shape: Shape, body: bytes) -> dict:
    """The payload of a request. Elements that the model does not know are violations: S3 calls such a body malformed."""
    root = ElementTree.fromstring(body)
    known = {member.serialization.get("name", name) for name, member in shape.members.items()}
    strange = {_tag(child) for child in root} - known
    if strange:
        raise ValueError(f"unknown elements {sorted(strange)}")
    return botocore.parsers.RestXMLParser()._parse_shape(shape, _without_namespace(root))


def _without_namespace(node):
    for one in node.iter():
        one.tag = _tag(one)
    return node


def _tag(node) -> str:
    return node.tag.rsplit("}", 1)[-1]


# -- answers


@cache
def _parser(protocol: str):
    return botocore.parsers.create_parser(protocol)


def _wrong_with_answer(operation: OperationModel, answer: Answer) -> Iterator[str]:
    service = operation.service_model
    shape = operation.output_shape
    try:
        parsed = _parser(service.protocol).parse(
            {"status_code": answer.status, "headers": dict(answer.headers), "body": answer.body}, shape)
    except (botocore.parsers.ResponseParserError, ValueError, KeyError, TypeError) as error:
        yield f"{type(error).__name__}: {error}"
        return
    if answer.status >= 300:
        yield from _wrong_with_error(operation, answer, parsed)
        return
    expected = operation.http.get("responseCode", 200)
    if answer.status not in (expected, 206 if operation.name == "GetObject" else expected):
        yield f"status: expected {expected}, found {answer.status}"
    if shape is None:
        return
    if service.protocol == "json":
        # As it came, so that a member that the parser passes over is seen.
        try:
            parsed = json.loads(answer.body or b"{}")
        except ValueError as error:
            yield f"no JSON: {error}"
            return
        yield from _wrong(shape, parsed, operation.name)
        return
    parsed.pop("ResponseMetadata", None)
    payload = shape.serialization.get("payload")
    if payload:
        parsed.pop(payload, None)
    yield from _wrong(shape, {name: value for name, value in parsed.items() if value is not None}, operation.name, wire=False)


def _wrong_with_error(operation: OperationModel, answer: Answer, parsed: dict) -> Iterator[str]:
    code = parsed.get("Error", {}).get("Code", "")
    if operation.service_model.protocol == "json":
        known = {shape.error_code for shape in operation.error_shapes} | COMMON_ERRORS
    elif not answer.body:
        # HEAD, and what has no body: the status is the code.
        return
    else:
        known = {shape.error_code for shape in operation.error_shapes} | S3_ERRORS
    if code not in known:
        yield f"{operation.name} has no error {code!r} (status {answer.status})"


# -- shapes


def _wrong(shape: Shape | None, value, place: str, wire: bool = True) -> Iterator[str]:
    """What is wrong with a value. `wire`: it is as in JSON, where a time is a number and bytes are Base64."""
    if shape is None:
        if value:
            yield f"{place}: expected nothing, found {str(value)[:80]}"
        return
    kind = shape.type_name
    expected = {"structure": dict, "map": dict, "list": list, "string": str, "integer": int, "long": int, "boolean": bool,
                "float": (int, float), "double": (int, float), "blob": str if wire else (bytes, str),
                "timestamp": (int, float) if wire else datetime}[kind]
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{place}: expected {kind}, found {type(value).__name__} {str(value)[:80]}"
        return
    yield from _wrong_with_size(shape, value, place)
    if kind == "structure":
        yield from _wrong_with_structure(shape, value, place, wire)
    elif kind == "map":
        for key, inner in value.items():
            yield from _wrong(shape.key, key, f"{place}.{key} (key)", wire)
            yield from _wrong(shape.value, inner, f"{place}.{key}", wire)
    elif kind == "list":
        for index, inner in enumerate(value):
            yield from _wrong(shape.member, inner, f"{place}[{index}]", wire)
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            yield f"{place}: expected one of {shape.enum}, found {value}"
        pattern = _readable(shape.metadata.get("pattern", ""))
        if pattern and not pattern.fullmatch(_as_java_sees_it(value)):
            yield f"{place}: expected {shape.metadata['pattern']}, found {value[:80]}"


def _wrong_with_structure(shape: Shape, value: dict, place: str, wire: bool) -> Iterator[str]:
    names = {(member.serialization.get("name", name) if wire else name): member for name, member in shape.members.items()}
    for name in shape.required_members:
        # What is streamed is not kept.
        member = shape.members[name]
        wired = member.serialization.get("name", name) if wire else name
        if value.get(wired) is None and member.type_name != "blob":
            yield f"{place}: {name} is missing"
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield f"{place}: expected one of {sorted(names)}, found {sorted(value)}"
    for name, inner in value.items():
        if name not in names:
            yield f"{place}: there is no member {name}"
        elif inner is None and wire:
            # AWS leaves out what has no value; a null is accepted in answers by every SDK.
            yield f"{place}.{name}: null"
        elif inner is not None:
            yield from _wrong(names[name], inner, f"{place}.{name}", wire)


def _wrong_with_size(shape: Shape, value, place: str) -> Iterator[str]:
    if isinstance(value, datetime):
        return
    size = value if shape.type_name in ("integer", "long", "float", "double") else \
        len(value) if isinstance(value, (str, bytes, list, dict)) and shape.type_name != "structure" else None
    if size is None:
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{place}: expected at least {least}, found {size}"
    if most is not None and size > most:
        yield f"{place}: expected at most {most}, found {size}"


@cache
def _readable(pattern: str) -> re.Pattern | None:
    """A pattern of Java's as Python's: pairs of surrogates as any of them, and the class of all of ASCII."""
    text = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\uD800-\uDFFF").replace(r"\p{ASCII}", r"[\x00-\x7F]")
    try:
        return re.compile(text) if text else None
    except re.error:
        return None


def _as_java_sees_it(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(int.from_bytes(units[index:index + 2], "little")) for index in range(0, len(units), 2)) \
        if any(ord(one) > 0xFFFF for one in text) else text
