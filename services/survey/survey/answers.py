"""Recording an answer: load, decide, save, publish, in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cskit.messages import UnitOfWork
from cskit.observability import current_traceparent
from csmodels.ids import EventId, ResponseId
from csmodels.internal import Answer as WireAnswer
from csmodels.internal import SurveyAnswered
from csmodels.topics import CUSTOMER_EVENTS
from survey import store
from survey.domain.answering import Answer, Invitation, Response, Standing, next_revision, standing

SOURCE: Final = "survey"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an answer: the invitation as it is now, and what its link allowed when the answer came."""

    asked: store.Asked
    standing: Standing


async def record(
    uow: UnitOfWork, invitation_id: str, answer: Answer, *, now: datetime, new_id: ResponseId
) -> Outcome | None:
    """Record the answer and publish it, if the link allows and it says something new.

    The same answer again changes nothing and keeps its revision. new_id becomes the id of a first response. None if
    there is no such invitation, or no more.
    """
    await store.hold(uow.tx, invitation_id)
    asked = await store.asked(uow.tx, invitation_id)
    if asked is None:
        return None
    found = standing(asked.invitation, asked.response, now)
    revision = next_revision(asked.response, answer)
    if found in (Standing.USED_UP, Standing.EXPIRED) or revision is None:
        return Outcome(asked, found)
    first = asked.response
    response = Response(
        id=first.id if first else new_id,
        answer=answer,
        revision=revision,
        answered_at=first.answered_at if first else now,
    )
    await store.save(uow.tx, asked.invitation, response, now=now)
    uow.publish(CUSTOMER_EVENTS, [answered(asked, response, now)], traceparent=current_traceparent())
    return Outcome(replace(asked, response=response), found)


def answered(
    asked: store.Asked, response: Response, at: datetime, *, received: datetime | None = None, backfill: bool = False
) -> SurveyAnswered:
    """The event of a revision, given at a moment and received then unless told otherwise."""
    invitation: Invitation = asked.invitation
    said = {
        "survey": invitation.survey,
        "response": response.id,
        "revision": response.revision,
        "kind": asked.survey.kind,
        "score": response.answer.score,
    }
    if invitation.role is not None:
        said["role"] = invitation.role
    if response.answer.comment is not None:
        said["text_ref"] = text_ref(response.id)
    return SurveyAnswered(
        id=EventId(f"{response.id}:{response.revision}"),
        source=SOURCE,
        subject=invitation.account,
        personid=invitation.person,
        time=at,
        receivedtime=received or at,
        backfill=backfill,
        data=WireAnswer.model_validate(said),
    )


def text_ref(response_id: str) -> str:
    """The name under which the bus knows the comment of a response."""
    return f"survey/{response_id}"
