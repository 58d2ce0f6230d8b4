"""What is wrong in params.yaml, in one line that says what is legal."""

from datetime import date
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

# What YAML makes of text without quotes.
NO_TEXT = (bool, int, float, date)
GROUP = "must be a group of `key: value`"
# Kind of error, as pydantic names it -> how params.yaml's reader has it.
PHRASES = {
    "bool_type": "must be true or false",
    "dict_type": GROUP,
    "float_type": "must be a number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "list_type": "must be a list",
    "literal_error": "must be {expected}",
    "model_type": GROUP,
    "string_type": "must be text",
    "too_short": "must hold at least {min_length}",
    "tuple_type": "must be a list",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
}


def explain(
    error: ValidationError, root: type[BaseModel], values: Any, place: tuple = ()
) -> str:
    """One line: each faulty key with its group, what is wrong, what is legal.

    root: the model that found the error in `values`; place: the keys above it.
    """
    faults: dict[str, list[str]] = {}
    for item in error.errors():
        key = ".".join([*place, *_keys_in(values, item)])
        # Of a union, each alternative has an error.
        faults.setdefault(key, []).append(_describe(item, root))
    keys_by_fault: dict[str, list[str]] = {}
    for key, texts in faults.items():
        # Where one alternative fits further, its error counts.
        if not any(other.startswith(f"{key}.") for other in faults):
            keys_by_fault.setdefault(_join(texts), []).append(key)
    lines = (f"{', '.join(keys)}: {text}" for text, keys in keys_by_fault.items())
    return "; ".join(line.removeprefix(": ") for line in lines)


def _join(texts: list[str]) -> str:
    """The errors of a union's alternatives as one; of other errors the first."""
    if not all(text.startswith("must ") for text in texts):
        return texts[0]
    phrases, _, values = zip(*(text.partition(" (got ") for text in texts), strict=True)
    legal = dict.fromkeys(p.removeprefix("must ").removeprefix("be ") for p in phrases)
    value = f" (got {values[0]}" if values[0] else ""
    return texts[0] if len(legal) == 1 else f"must be {', or '.join(legal)}{value}"


def _describe(item: dict[str, Any], root: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key; legal keys here: {', '.join(_legal(root, item['loc']))}"
    if item["type"] in ("missing", "union_tag_not_found"):
        tag = item.get("ctx", {}).get("discriminator")
        return f"needs the key {tag}" if tag else "missing"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] in PHRASES:
        message = PHRASES[item["type"]].format_map(item.get("ctx", {}))
    if item["type"] == "string_type" and isinstance(item["input"], NO_TEXT):
        message += "; put it in quotes"
    if message == GROUP and item["input"] is None:
        message += ", or {} for an empty one"
    if item["type"] == "union_tag_invalid":
        return f"{message} (got {_show(item['ctx']['tag'])})"
    whole = isinstance(item["input"], dict | BaseModel)
    return message if whole else f"{message} (got {_show(item['input'])})"


def _keys_in(values: Any, item: dict[str, Any]) -> list[str]:
    """The parts of an error's place that are keys.

    A union's alternatives stand there too, and a mark where the key itself is wrong.
    """
    keys = []
    for number, part in enumerate(item["loc"], 1):
        inside = isinstance(values, dict) and part in values
        inside |= isinstance(values, list) and isinstance(part, int)
        if inside:
            values = values[part]
        if inside or (number == len(item["loc"]) and item["type"] == "missing"):
            keys.append(str(part))
    return keys


def _legal(root: type[BaseModel], loc: tuple) -> list[str]:
    """Keys of the group that holds the last key of a place, as params.yaml has them."""
    kind: Any = root
    for part in loc[:-1]:
        kind = _inside(kind, part)
    if type(None) in get_args(kind):  # an optional group
        kind = get_args(kind)[0]
    return [field.alias or name for name, field in kind.model_fields.items()]


def _inside(kind: Any, part: str) -> Any:
    """The type of what a group, a dictionary or a union of groups holds at `part`."""
    if type(None) in get_args(kind):
        kind = get_args(kind)[0]
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    if not hasattr(kind, "model_fields"):  # a union: `part` is the kind it tells
        return next(
            group
            for group in get_args(kind)
            if part in get_args(group.model_fields["kind"].annotation)
        )
    names = {field.alias or name: field for name, field in kind.model_fields.items()}
    return names[part].annotation


def _show(value: object) -> str:
    """A value as an error shows it, cut to a length that fits a line."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."
