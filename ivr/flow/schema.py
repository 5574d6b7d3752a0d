"""JSON Schemas of flows and of the configuration, made from the models that read them.

Editors complete and check with them while a file is written (`ivr schema`; draft-07, which VS Code's YAML extension
speaks best). They say less than `ivr check`: what depends on two places of a file, or on other files, is left to it.
Descriptions are the docstrings of the models, so that they are written once.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from ivr.flow.elements import ELEMENTS, Element
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.loader import MAX_VARIABLES
from ivr.flow.packet_model import HandOver
from ivr.flow.sim.steps import STEPS
from ivr.flow.testing.fields import ExpectFields, GivenFields
from ivr.flow.values import VARIABLE
from ivr.settings import Limits, Settings
from ivr.units import SHARE_SCHEMA

__all__ = ["config_schema", "field_texts", "flow_schema", "model_schema", "packet_schema", "test_schema"]

DIALECT = "http://json-schema.org/draft-07/schema#"
ELEMENT_NAME = {"type": "string", "minLength": 1}
PLACEHOLDER = {"type": "string", "pattern": "^<[A-Za-z][A-Za-z0-9_]*>$"}
"""In a case with `each`."""
SOURCES = ("text", "file", "url", "voicemail")
"""Fields of a prompt of which exactly one is needed."""


def flow_schema(elements: Mapping[str, type[Element]] = ELEMENTS) -> dict[str, Any]:
    """The schema of a flow file, with these element types."""
    definitions: dict[str, Any] = {}
    for name, model in sorted(elements.items()):
        definitions |= _definitions(model, f"element.{name}", _FlowGenerator)
    names = sorted(elements)
    definitions["element"] = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {
                "description": "Kind of element.",
                "enum": names,
                "enumDescriptions": [_first_sentence(elements[name]) for name in names],
            }
        },
        "allOf": [
            {
                "if": {"required": ["type"], "properties": {"type": {"const": name}}},
                "then": {"$ref": f"#/definitions/element.{name}"},
            }
            for name in names
        ],
    }
    variable = {"pattern": f"^{VARIABLE.pattern}$"}
    return {
        "$schema": DIALECT,
        "title": "Call flow",
        "description": "A call flow of ivr: what callers hear, what they may press, and where that leads.",
        "type": "object",
        "required": ["elements"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": ["string", "null"], "description": "A sentence for people."},
            "canary": {**SHARE_SCHEMA, "description": "Share of new calls that try this version: 10%."},
            "variables": {
                "type": ["object", "null"],
                "description": "Variables with their defaults.",
                "maxProperties": MAX_VARIABLES,
                "propertyNames": variable,
            },
            "sensitive": {
                "type": ["array", "null"],
                "description": "Variables whose values stand in no log, trace, report or file name.",
                "items": {"type": "string", **variable},
            },
            "shareable": {
                "type": ["array", "null"],
                "description": "Variables that agents, AI agents and applications which get the call may know.",
                "items": {"type": "string", **variable},
            },
            "elements": {
                "type": "object",
                "description": "The steps of the flow, by name.",
                "minProperties": 1,
                "maxProperties": Limits().elements_per_flow,
                "additionalProperties": {"$ref": "#/definitions/element"},
            },
        },
        "definitions": dict(sorted(definitions.items())),
    }


def config_schema() -> dict[str, Any]:
    """The schema of ivr.yaml."""
    found = model_schema(Settings, "Configuration of ivr")
    found["description"] = "ivr.yaml: every key has a default. Secrets are written `!secret NAME`."
    return found


def packet_schema() -> dict[str, Any]:
    """The schema of the hand-over packet, for those who read it. Unlike a file that people write it may have keys that
    the schema does not know: they are added without a new version."""
    schema = HandOver.model_json_schema(by_alias=True, ref_template="#/definitions/{model}", mode="serialization")
    definitions = {name.removesuffix("Part").lower(): found for name, found in schema.pop("$defs").items()}
    text = json.dumps({"$schema": DIALECT, **schema, "title": "Hand-over packet", "definitions": definitions})
    for name in definitions:
        text = text.replace(f"#/definitions/{name.capitalize()}Part", f"#/definitions/{name}")
    made: dict[str, Any] = json.loads(text.replace('"additionalProperties": false, ', ""))
    return made


def test_schema() -> dict[str, Any]:
    """The schema of a file of test cases."""
    definitions: dict[str, Any] = {}
    parts: list[type[BaseModel]] = [GivenFields, ExpectFields, *STEPS.values()]
    for part in parts:
        definitions |= _definitions(part, part.__name__, _TestGenerator)
    for model in STEPS.values():
        place = definitions[model.__name__]
        if model.KIND not in place.get("required", ()):  # one model for several kinds
            kinds = [kind for kind, other in STEPS.items() if other is model]
            place["anyOf"] = [{"required": [kind]} for kind in kinds]
    definitions["step"] = {"anyOf": [{"$ref": f"#/definitions/{model.__name__}"} for model in STEPS.values()]}
    definitions["step"]["anyOf"].append(PLACEHOLDER)
    definitions["case"] = {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "description": "What the case is about."},
            "each": {
                "type": "array",
                "description": "The case stands for several: <key> in any text is what each of them says.",
                "minItems": 1,
                "items": {"type": "object", "minProperties": 1},
            },
            "given": {"$ref": "#/definitions/GivenFields"},
            "when": {
                "type": ["array", "null"],
                "description": "What the caller and the world do, in this order.",
                "items": {"$ref": "#/definitions/step"},
            },
            "expect": {"$ref": "#/definitions/ExpectFields"},
        },
    }
    cases = {"type": "array", "items": {"$ref": "#/definitions/case"}}
    return {
        "$schema": DIALECT,
        "title": "Tests of a call flow",
        "description": "Cases that simulated calls are compared with (`ivr test`).",
        "if": {"type": "object"},
        "then": {
            "required": ["cases"],
            "additionalProperties": False,
            "properties": {
                "given": {"$ref": "#/definitions/GivenFields", "description": "Of all cases."},
                "cases": cases,
            },
        },
        "else": cases,
        "definitions": dict(sorted(definitions.items())),
    }


def model_schema(model: Any, title: str, generator: type[GenerateJsonSchema] | None = None) -> dict[str, Any]:
    """The schema of a file that is one model, or any type that pydantic reads."""
    schema = TypeAdapter(model).json_schema(
        ref_template="#/definitions/{model}", schema_generator=generator or _Generator
    )
    definitions = schema.pop("$defs", {})
    if "$ref" in schema:
        schema = definitions.pop(schema["$ref"].rpartition("/")[2])
    found = {"$schema": DIALECT, "title": title, **schema}
    if definitions:
        found["definitions"] = dict(sorted(definitions.items()))
    return found


class _Generator(GenerateJsonSchema):
    """pydantic's generator, with descriptions from docstrings and without what no editor needs."""

    schema_dialect = DIALECT

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        return {}  # a template or a pattern made of a text, of which only the reader knows what it takes

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if not isinstance(found.get("default"), (str, int, float)):  # nothing that a line of YAML would hold
            found.pop("default", None)
        return found

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        found.pop("title", None)
        found["description"] = _text_of(model)
        texts = field_texts(model)
        for name, field in model.model_fields.items():
            place = found.get("properties", {}).get(field.alias or name)
            if place is None:
                continue
            _settle(place)
            if name in texts:
                place.setdefault("description", texts[name])
        if issubclass(model, PromptFields):
            found["oneOf"] = [{"required": [source]} for source in SOURCES]
        if issubclass(model, Element):
            _complete(found, model)
        return found


_BOUNDS = {
    "array": {"minLength": "minItems", "maxLength": "maxItems"},
    "integer": {"ge": "minimum", "le": "maximum"},
    "number": {"ge": "minimum", "le": "maximum"},
}
"""Bounds of a field that may be written in several ways: what they are called for which of them."""


def _settle(place: JsonSchemaValue) -> None:
    """Move bounds that pydantic puts beside the ways to write a field to those ways that they are meant for."""
    if "anyOf" not in place:
        return
    bounds = {name: place.pop(name) for name in ("minLength", "maxLength", "ge", "le") if name in place}
    for way in place["anyOf"]:
        names = _BOUNDS.get(str(way.get("type")), {})
        way.update({names[name]: bound for name, bound in bounds.items() if name in names})


class _FlowGenerator(_Generator):
    """The same without null, which says nothing in a flow: an editor had better ask for what is to stand there."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class _TestGenerator(_FlowGenerator):
    """The same for test cases, in which `<key>` may stand for any value, and short forms for most."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        short = {"type": ["string", "number", "boolean", "array"]}
        return found if schema.get("json_schema_input_schema") else {"anyOf": [found, short]}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {"anyOf": [super().int_schema(schema), PLACEHOLDER]}

    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return {"anyOf": [super().bool_schema(schema), PLACEHOLDER]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        return {"anyOf": [super().dict_schema(schema), PLACEHOLDER]}

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        return {"anyOf": [super().tuple_schema(schema), PLACEHOLDER]}

    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return {"anyOf": [super().literal_schema(schema), PLACEHOLDER]}


def _complete(found: JsonSchemaValue, model: type[Element]) -> None:
    """What an element's schema says of its type and branches."""
    properties = found["properties"]
    properties["type"] = {"const": model.TYPE, "description": found["description"]}
    found["required"] = ["type", *(name for name in found.get("required", ()) if name != "type")]
    success = next((branch.name for branch in model.BRANCHES if branch.success), None)
    if success is None:
        properties.pop("next", None)
    else:
        properties["next"] = {**ELEMENT_NAME, "description": f"Element after the branch {success}."}
    branches = {
        branch.name: {
            **ELEMENT_NAME,
            "description": branch.text + (f" Else as {branch.fallback}." if branch.fallback else ""),
        }
        for branch in model.BRANCHES
    }
    properties["branches"] = {
        "type": "object",
        "description": "Elements after named branches.",
        "properties": branches,
        "additionalProperties": ELEMENT_NAME if model.NAMES_BRANCHES else False,
    }


def _definitions(model: type[BaseModel], name: str, generator: type[GenerateJsonSchema]) -> dict[str, Any]:
    """The schema of a model under a name, with those that it refers to."""
    found = model_schema(model, "", generator)
    definitions: dict[str, Any] = found.pop("definitions", {})
    del found["$schema"], found["title"]
    return {**definitions, name: found}


def _text_of(model: type[BaseModel]) -> str:
    return " ".join(inspect.getdoc(model).split()) if model.__dict__.get("__doc__") else ""  # type: ignore[union-attr]


def _first_sentence(model: type[BaseModel]) -> str:
    return _text_of(model).partition(". ")[0].rstrip(".") + "."


@cache
def field_texts(model: type[BaseModel]) -> Mapping[str, str]:
    """The docstrings under the fields of a model and of those it is made of; empty where there is no source."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if not issubclass(part, BaseModel) or part is BaseModel:
            continue
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
        except (OSError, TypeError, SyntaxError):
            continue
        found |= _docstrings(tree.body[0].body)  # type: ignore[attr-defined]
    return found


def _docstrings(body: Iterable[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    name: str | None = None
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=field)):
                name = field
            case ast.Expr(value=ast.Constant(value=str(text))) if name is not None:
                found[name] = " ".join(text.split())
                name = None
            case _:
                name = None
    return found
