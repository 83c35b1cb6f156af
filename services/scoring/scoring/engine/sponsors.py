"""The people at an account who stand for us."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scoring.engine.people import united
from scoring.engine.register import Register, Stamp

OF_SPONSORS: Final = ("role", "left")


@dataclass(frozen=True, slots=True)
class Sponsors:
    """The people who are sponsors now, since when the newest is, and when the last of the others went."""

    present: frozenset[str]
    since: datetime | None
    gone_at: datetime | None

    @property
    def gone(self) -> bool:
        """Whether there was a sponsor, and is none now."""
        return not self.present and self.gone_at is not None


def sponsors(contacts: Mapping[str, Register], same: Mapping[str, str], at: datetime) -> Sponsors:
    """A sponsor is a contact described so who has not left. One who left or got another role is gone."""
    present: set[str] = set()
    since: list[datetime] = []
    gone: list[datetime] = []
    for root, register in _once_sponsors(contacts, same).items():
        turned = _turned(register, at)
        if turned is None:
            continue
        is_one, when = turned
        (since if is_one else gone).append(when)
        if is_one:
            present.add(root)
    return Sponsors(frozenset(present), max(since, default=None), max(gone, default=None))


def _once_sponsors(contacts: Mapping[str, Register], same: Mapping[str, str]) -> dict[str, Register]:
    """The registers of the people who were ever a sponsor, those of one person as one."""
    once = {
        person: contact
        for person, contact in contacts.items()
        if "role" in contact and "sponsor" in [entry.value for entry in contact["role"]]
    }
    if not same:
        return once
    roots = {same.get(person, person) for person in once}
    return {root: register for root, register in united(contacts, same).items() if root in roots}


def _turned(register: Register, at: datetime) -> tuple[bool, datetime] | None:
    """Whether the person is a sponsor, and since when (not); None if never was until then."""
    roles = register.get("role", ())
    if len(roles) == 1 and "left" not in register and roles[0].value == "sponsor":  # nearly always
        told = roles[0].stamp.time
        return (True, told) if told <= at else None
    steps: list[tuple[Stamp, str, object]] = [
        (entry.stamp, field, entry.value)
        for field in OF_SPONSORS
        for entry in register.get(field, ())
        if entry.stamp.time <= at
    ]
    role: object = None
    left: object = None
    turned: tuple[bool, datetime] | None = None
    for stamp, field, value in sorted(steps, key=lambda step: step[:2]):
        if field == "role":
            role = value
        else:
            left = value
        is_one = role == "sponsor" and left is not True
        if is_one if turned is None else is_one != turned[0]:
            turned = is_one, stamp.time
    return turned
