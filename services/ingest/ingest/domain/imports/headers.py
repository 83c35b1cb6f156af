"""Which column of a file is which field."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.domain.imports.kinds import NOT_TAKEN, SHAPES, Kind

_IN_BRACKETS: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】")


@dataclass(frozen=True, slots=True)
class Columns:
    """Our field -> the file's header; `left` are the headers that nothing is taken from."""

    columns: Mapping[str, str]
    left: Sequence[str]
    words: Sequence[str]  # of `left`, those that hold people's words


def guess(kind: Kind, headers: Sequence[str]) -> Columns:
    """The fields that the headers name, in Japanese or English; a header that is there twice names none."""
    plain = [normalised(header) for header in headers]
    bare = [normalised(_IN_BRACKETS.sub("", unicodedata.normalize("NFKC", header))) for header in headers]
    taken: dict[str, str] = {}
    used: set[int] = set()
    for forms in (plain, bare):
        for field in SHAPES[kind].fields:
            if field.name in taken:
                continue
            for known in (field.name, *field.headers):
                found = [
                    at
                    for at, form in enumerate(forms)
                    if form == normalised(known) and at not in used and headers.count(headers[at]) == 1
                ]
                if found:
                    taken[field.name] = headers[found[0]]
                    used.add(found[0])
                    break
    left = [header for at, header in enumerate(headers) if at not in used and header.strip()]
    words = {normalised(word) for word in NOT_TAKEN}
    return Columns(taken, left, [header for header in left if normalised(header) in words])


def missing(kind: Kind, columns: Mapping[str, str]) -> list[str]:
    """What the columns lack, a phrase each: no row of such a file could be taken."""
    shape = SHAPES[kind]
    lacking = [field.name for field in shape.fields if field.needed and field.name not in columns]
    if shape.one_of and not any(name in columns for name in shape.one_of):
        lacking.append(" or ".join(shape.one_of))
    return lacking


def normalised(header: str) -> str:
    """A header without what people write in many ways: width, case, spaces, punctuation."""
    text = unicodedata.normalize("NFKC", header).casefold()
    return "".join(letter for letter in text if letter.isalnum())
