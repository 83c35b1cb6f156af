"""From the first paid day to the first value, and to the end of onboarding."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from scoring.domain.portfolio.book import Book


@dataclass(frozen=True, slots=True)
class Journey:
    """What onboarding is: all milestones and the first value, within `days`.

    first_value: the milestone that is the first value; without one it is the first core action.
    """

    milestones: Sequence[str] = ()
    first_value: str | None = None
    days: int = 120

    def valued(self, book: Book) -> date | None:
        """The day of the first value."""
        if self.first_value is None:
            return book.first_core
        return next((one.day for one in book.milestones if one.milestone == self.first_value), None)

    def completed(self, book: Book) -> date | None:
        """The day on which all of it was reached."""
        reached = {one.milestone: one.day for one in book.milestones}
        days = [self.valued(book), *(reached.get(milestone) for milestone in self.milestones)]
        return None if None in days else max(day for day in days if day is not None)

    def given_up(self, book: Book, start: date) -> date:
        """The first day on which an account that was not complete is not in onboarding any more: late, or gone."""
        late = start + timedelta(days=self.days)
        gone = (
            step.day
            for contract in book.contracts
            for step in contract.steps
            if not step.paying and start < step.day <= late and not book.paying(step.day)
        )
        return min(gone, default=late)
