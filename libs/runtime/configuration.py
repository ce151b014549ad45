"""What is wrong with the configuration, in one line that names the key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydantic import ValidationError

Located = Callable[[Sequence[str | int]], str]

# pydantic's words for what an operator does, by the type of the error. None of them quotes a value.
_WORDS: Final = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "mapping_type": "must be a table",
    "union_tag_not_found": "`kind` is missing",
    "union_tag_invalid": "`kind` must be one of {expected_tags}",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "needs at least {min_length}",
    "value_error": "{error}",
}


class ConfigurationError(Exception):
    """The configuration cannot be used; the command ends with exit code 2 and this one line.

    `key` is what an operator would search for: `CAUDAL_INGRESS_PORT`,
    `sources.clip.authentication.secrets[0]`, or the name of a file. `message` never holds a value
    that may be a secret.
    """

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


def first_error(error: ValidationError, located: Located) -> ConfigurationError:
    """Turn what pydantic found into one error; `located` names the key from pydantic's path."""
    found = error.errors(include_url=False, include_input=False)[0]
    words = _WORDS.get(found["type"])
    if words is None:
        return ConfigurationError(located(found["loc"]), found["msg"])
    return ConfigurationError(located(found["loc"]), words.format_map(found.get("ctx", {})))
