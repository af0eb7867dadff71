import json

from jsonschema import Draft202012Validator
from stix2validator import ValidationOptions, validate_instance

from stillwatch.intelligence.extension import (
    EXTENSION,
    LINEAGE,
    PSEUDONYM,
    SUSPECT,
    extension_definition,
    published,
    schema_text,
)


def test_the_schema_is_a_schema_and_the_definition_carries_it():
    Draft202012Validator.check_schema(json.loads(schema_text()))
    assert json.loads(extension_definition()["schema"]) == json.loads(schema_text())
    assert extension_definition()["id"] == EXTENSION


def test_published_objects_are_valid_by_themselves():
    for item in published():
        result = validate_instance(item, ValidationOptions(version="2.1", strict=True))
        assert result.is_valid
        assert not result.warnings


def test_values_end_where_they_end():
    """`$` matches before a line's end in some languages: a schema must not let it through there."""
    right = {
        PSEUDONYM: {"epoch": "3", "public_key": "A" * 43 + "="},
        SUSPECT: {"weights_sha256": "0" * 64},
        LINEAGE: {"prompt_set_sha256": "0" * 64},
    }
    schemas = {item["id"]: json.loads(item["schema"]) for item in published() if "schema" in item}
    for name, said in right.items():
        parts = schemas[name]["properties"]
        definitions = {"$defs": schemas[name].get("$defs", {})}
        for field, value in said.items():
            validator = Draft202012Validator(parts[field] | definitions)
            assert validator.is_valid(value)
            for wrong in (value + "\n", "\n" + value, value + "\r", value + " "):
                assert not validator.is_valid(wrong), (name, field)
