"""What lists, exports and segments are asked with."""

from datetime import date
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy import Row

from cskit.errors import Invalid
from cskit.http import decode_cursor, encode_cursor, moment_of
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import unknown
from csmodels.api import Model
from csmodels.fields import AdoptionLevel, Band, Finite, Size, Stage, UtcTime, Watch
from scoring.encoding import SUMMARY
from scoring.store.listing import SORTS, Filter, Place, Sort, place_of

Text = Annotated[str, StringConstraints(max_length=128)]


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
_SEVERAL: Final = "given several times: any of them"


class Filters(Model):
    """Which accounts. Several values of one name: any of them; all names together."""

    account: list[Text] = Field(default_factory=list, description=f"Ids, {_SEVERAL}")
    band: list[Band] = Field(default_factory=list, description=_SEVERAL.capitalize())
    stage: list[Stage] = Field(default_factory=list)
    adoption_level: list[AdoptionLevel] = Field(default_factory=list)
    segment: list[Text] = Field(default_factory=list, description="The account's own field, such as smb")
    owner: list[Text] = Field(default_factory=list, description="Staff ids")
    plan: list[Text] = Field(default_factory=list)
    country: list[Text] = Field(default_factory=list)
    watch: list[Watch] = Field(default_factory=list)
    text: Annotated[Text | None, Field(description="Part of the id or of the name")] = None
    score_min: Finite | None = None
    score_max: Finite | None = None
    mrr_min: Annotated[Finite | None, Field(description="In the portfolio's currency")] = None
    mrr_max: Finite | None = None
    seats_min: Size | None = None
    seats_max: Size | None = None
    renewal_after: Annotated[Day | None, Field(description="From this day on")] = None
    renewal_before: Annotated[Day | None, Field(description="Until this day, including it")] = None
    changed_since: Annotated[UtcTime | None, Field(description="Scored at this moment or later")] = None

    def filter(self) -> Filter:
        """As the store takes it."""
        said = ((name, getattr(self, name)) for name in Filters.model_fields)
        found: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in said}
        return Filter(**found)


class Sparse(Model):
    """Which fields of each account."""

    fields: list[str] = Field(
        default_factory=list,
        description="Only these, as fields=account,score,band; all if left out. account always comes",
    )

    def chosen(self) -> tuple[str, ...]:
        """The fields in their order. Raises Invalid for one that is unknown."""
        wanted = {name.strip() for part in self.fields for name in part.split(",")} - {""}
        for name in sorted(wanted - set(SUMMARY)):
            raise unknown("field", name, SUMMARY, where="fields")
        return tuple(name for name in SUMMARY if not wanted or name in wanted or name == "account")


class ListQuery(Filters, Sparse):
    """GET /v1/accounts, and a segment's."""

    sort: Annotated[
        str,
        Field(
            description=f"{', '.join(SORTS)}; with - in front descending. urgency: red, yellow, grey, green, the low "
            "scores first. changed: when it was scored. What has no value comes last"
        ),
    ] = "urgency"
    limit: Annotated[int, Field(ge=1, le=500, description="How many items at most")] = DEFAULT_LIMIT
    cursor: Annotated[str | None, Field(max_length=2048, description="`next` of the page before")] = None

    def order(self) -> tuple[Sort, bool]:
        """What is sorted by, and whether descending. Raises Invalid."""
        name = self.sort.removeprefix("-")
        for known in SORTS:
            if name == known:
                return known, name != self.sort
        raise unknown("sort", name, SORTS, where="sort")

    def place(self) -> Place | None:
        """Where the cursor says to go on. Raises Invalid for one that is of another list or order."""
        if self.cursor is None:
            return None
        sort, descending = self.order()
        match decode_cursor(self.cursor):
            case (str() as by, bool() as down, (str() | int() | float() | None) as value, str() as account) if (
                by == sort and down is descending and _can_be_sorted_by(sort, value)
            ):
                return (moment_of(value).isoformat() if sort == "changed" else value), account
        raise Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")

    def cursor_at(self, row: Row[Any]) -> str:
        """The cursor of what comes after a row."""
        return encode_cursor(*self.order(), *place_of(row))


def _can_be_sorted_by(sort: Sort, value: str | float | None) -> bool:
    if value is None or isinstance(value, bool):
        return value is None and sort in ("mrr", "renewal_on", "name")
    return isinstance(value, str) is (sort in ("account", "name", "renewal_on", "changed"))
