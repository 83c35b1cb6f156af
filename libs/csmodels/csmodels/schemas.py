"""JSON Schemas of the events, and the rule that a newer schema must not break older readers.

`python -m csmodels.schemas` writes them to libs/csmodels/schemas/, `... --release` also to schemas/released/.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from csmodels.catalogue import TYPES

Schema = Mapping[str, Any]

_NOTES: Final = frozenset({"title", "description", "examples", "default", "deprecated", "$defs", "$schema", "$id"})
_LOWER_BOUNDS: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER_BOUNDS: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_HANDLED: Final = frozenset(
    {"type", "enum", "const", "properties", "required", "items", "prefixItems", "additionalProperties"}
    | {"patternProperties", "propertyNames", "anyOf", "oneOf", "$ref", "discriminator"}
)


def exported() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of every event type, by type."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **event.model_json_schema(by_alias=True, mode="validation"),
        }
        for name, event in sorted(TYPES.items())
    }


def rendered(schema: Schema) -> str:
    """A schema as the file that holds it: sorted keys, two spaces, a line break at the end."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def all_incompatibilities(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """`incompatibilities` of every event type that was released, and the types that are gone. New types are fine."""
    found: list[str] = []
    for name in sorted(old):
        if name not in new:
            found.append(f"{name}: the event type was removed")
        else:
            found.extend(f"{name}: {line}" for line in incompatibilities(old[name], new[name]))
    return found


def incompatibilities(old_schema: Schema, new_schema: Schema) -> list[str]:
    """What in new_schema would break a reader or a record of old_schema; empty if nothing.

    A new optional field and a changed description are fine. Reported are a removed or renamed field, a narrowed one
    (a type, enum value or property no longer accepted, a tighter bound, another pattern or format, newly required), a
    new required field, and a widened one (an older reader would refuse what the newer writer may send). $refs are
    followed. One sentence each, with the path of the field.
    """
    return _Comparison(old_schema, new_schema).of(old_schema, new_schema, "")


class _Comparison:
    def __init__(self, old_root: Schema, new_root: Schema) -> None:
        self._old_root, self._new_root = old_root, new_root
        self._open: set[tuple[str, str]] = set()

    def of(self, old: Schema, new: Schema, path: str) -> list[str]:
        pair = (str(old.get("$ref")), str(new.get("$ref")))
        if "$ref" in old and "$ref" in new:
            if pair in self._open:
                return []  # a recursive model, compared further up
            self._open.add(pair)
        try:
            return self._alternatives(_resolved(old, self._old_root), _resolved(new, self._new_root), path)
        finally:
            self._open.discard(pair)

    def _alternatives(self, old: Schema, new: Schema, path: str) -> list[str]:
        olds, news = self._variants(old, self._old_root), self._variants(new, self._new_root)
        if len(olds) == len(news) == 1:
            return self._single(olds[0], news[0], path)
        found: list[str] = []
        unmatched = list(news)
        for variant in olds:
            match = next((other for other in unmatched if not self._single(variant, other, path)), None)
            if match is None:
                match = next((other for other in unmatched if other.get("type") == variant.get("type")), None)
                if match is None:
                    found.append(f"{_at(path)}: narrowed, {_kind(variant)} is no longer accepted")
                    continue
                found.extend(self._single(variant, match, path))
            unmatched.remove(match)
        found.extend(f"{_at(path)}: widened, {_kind(v)} is unknown to older readers" for v in unmatched)
        return found

    def _variants(self, schema: Schema, root: Schema) -> list[Schema]:
        """The alternatives of a schema, flat, `null` among them; a list of types is taken apart."""
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            return [v for branch in branches for v in self._variants(_resolved(branch, root), root)]
        if isinstance(schema.get("type"), list):
            return [{**schema, "type": kind} for kind in schema["type"]]
        return [schema]

    def _single(self, old: Schema, new: Schema, path: str) -> list[str]:
        if old.get("type") != new.get("type"):
            return [f"{_at(path)}: narrowed, {_kind(old)} became {_kind(new)}"]
        found = [*_values(old, new, path), *_bounds(old, new, path)]
        found += self._properties(old, new, path)
        for keyword, step in (("items", "[]"), ("propertyNames", "{key}"), ("additionalProperties", "{}")):
            found += self._below(old.get(keyword, True), new.get(keyword, True), f"{path}{step}", keyword)
        keys_before, keys_after = old.get("patternProperties", {}), new.get("patternProperties", {})
        if set(keys_before) != set(keys_after):
            found.append(f"{_at(path)}: the pattern of the keys changed")
        for pattern in sorted(set(keys_before) & set(keys_after)):
            found += self.of(keys_before[pattern], keys_after[pattern], f"{path}{{}}")
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            found.append(f"{_at(path)}: the length of the list changed")
        for at, (a, b) in enumerate(zip(before, after, strict=False)):
            found += self.of(a, b, f"{path}[{at}]")
        return found

    def _below(self, old: Schema | bool, new: Schema | bool, path: str, keyword: str) -> list[str]:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            return self.of(old, new, path)
        if old == new:
            return []
        return [f"{_at(path)}: {'narrowed' if old is True or new is False else 'widened'}, {keyword} changed"]

    def _properties(self, old: Schema, new: Schema, path: str) -> list[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        must_before, must_after = set(old.get("required", ())), set(new.get("required", ()))
        found: list[str] = []
        for name in sorted(before):
            below = f"{path}.{name}" if path else name
            if name not in after:
                found.append(f"{below}: removed or renamed")
                continue
            if name in must_after - must_before:
                found.append(f"{below}: narrowed, newly required")
            if name in must_before - must_after:
                found.append(f"{below}: widened, no longer required, which older readers count on")
            found += self.of(before[name], after[name], below)
        for name in sorted(set(after) - set(before)):
            if name in must_after:
                found.append(f"{path}.{name}".lstrip(".") + ": a new required field, which older records lack")
        return found


def _resolved(schema: Schema, root: Schema) -> Schema:
    seen: set[str] = set()
    while "$ref" in schema:
        ref = str(schema["$ref"])
        if ref in seen or not ref.startswith("#/"):
            raise ValueError(f"{ref} cannot be resolved")
        seen.add(ref)
        target: Any = root
        for step in ref[2:].split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _values(old: Schema, new: Schema, path: str) -> list[str]:
    before, after = _allowed(old), _allowed(new)
    if before is None and after is None:
        return []
    if before is None:
        return [f"{_at(path)}: narrowed to a list of values"]
    if after is None:
        return [f"{_at(path)}: widened from a list of values"]
    return [f"{_at(path)}: narrowed, the value {v} was removed" for v in sorted(before - after)] + [
        f"{_at(path)}: widened, the value {v} is unknown to older readers" for v in sorted(after - before)
    ]


def _allowed(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {json.dumps(schema["const"])}
    return {json.dumps(value) for value in schema["enum"]} if "enum" in schema else None


def _bounds(old: Schema, new: Schema, path: str) -> list[str]:
    """Bounds, patterns, formats, and every keyword that this rule has never heard of."""
    found: list[str] = []
    for keyword in sorted((set(old) | set(new)) - _NOTES - _HANDLED):
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        word = "changed"
        if keyword in _LOWER_BOUNDS | _UPPER_BOUNDS:
            rises = after is not None and (before is None or after > before)
            falls = after is not None and (before is None or after < before)
            word = "narrowed" if (rises if keyword in _LOWER_BOUNDS else falls) else "widened"
        elif before is None:
            word = "narrowed"
        found.append(f"{_at(path)}: {word}, {keyword} was {json.dumps(before)} and is {json.dumps(after)}")
    return found


def _kind(schema: Schema) -> str:
    return str(schema.get("type") or schema.get("title") or "any value")


def _at(path: str) -> str:
    return path or "(event)"


if __name__ == "__main__":
    from csmodels.export import main

    main()
