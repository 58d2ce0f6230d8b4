"""What is wrong in params.yaml, in one line that says what is legal."""

from datetime import date
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

# What YAML makes of text without quotes.
NO_TEXT = (bool, int, float, date)


def explain(
    error: ValidationError, root: type[BaseModel], values: Any, place: tuple = ()
) -> str:
    """One line: each faulty key with its group, what is wrong, what is legal.

    root: the model that found the error in `values`; place: the keys above it.
    """
    faults: dict[str, str] = {}
    for item in error.errors():
        key = ".".join([*place, *_keys_in(values, item["loc"])])
        # Of a union's alternatives the first counts, or the one that fits further.
        faults.setdefault(key, _describe(item, root))
    keys = [key for key in faults if not any(k.startswith(f"{key}.") for k in faults)]
    return "; ".join(f"{key}: {faults[key]}".removeprefix(": ") for key in keys)


def _describe(item: dict[str, Any], root: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        return f"unknown key; legal keys here: {', '.join(_legal(root, item['loc']))}"
    if item["type"] in ("missing", "union_tag_not_found"):
        tag = item.get("ctx", {}).get("discriminator")
        return f"needs the key {tag}" if tag else "missing"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "string_type" and isinstance(item["input"], NO_TEXT):
        message += "; put it in quotes"
    whole = isinstance(item["input"], dict | BaseModel)
    return message if whole else f"{message} (got {_show(item['input'])})"


def _keys_in(values: Any, loc: tuple) -> list[str]:
    """The parts of a place that are keys; a union's alternatives stand there too."""
    keys = []
    for number, part in enumerate(loc, 1):
        inside = isinstance(values, dict) and part in values
        inside |= isinstance(values, list) and isinstance(part, int)
        if inside:
            values = values[part]
        if inside or (number == len(loc) and isinstance(values, dict)):
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
