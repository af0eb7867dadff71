import json

from jsonschema import Draft202012Validator
from stix2validator import ValidationOptions, validate_instance

from stillwatch.intelligence.extension import EXTENSION, extension_definition, published, schema_text


def test_the_schema_is_a_schema_and_the_definition_carries_it():
    Draft202012Validator.check_schema(json.loads(schema_text()))
    assert json.loads(extension_definition()["schema"]) == json.loads(schema_text())
    assert extension_definition()["id"] == EXTENSION


def test_published_objects_are_valid_by_themselves():
    for item in published():
        result = validate_instance(item, ValidationOptions(version="2.1", strict=True))
        assert result.is_valid
        assert not result.warnings
