"""The HTTP edge: how far an account has come in its stage, and what comes next."""

from typing import Annotated

from fastapi import APIRouter

from cskit.auth import READ, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.http import requires
from csmodels import progress as wire
from scoring.api.finding import found
from scoring.catalogue import ReadingRules
from scoring.engine import progress as engine
from scoring.engine.features import months_needed
from scoring.store import folding


def progress_route(routes: APIRouter, *, database: Database, rules: ReadingRules, clocks: Clocks) -> None:
    """The route, for the router of what is read of accounts."""

    @routes.get("/v1/accounts/{id:path}/progress")
    async def get_progress(id: str, _: Annotated[Principal, requires(READ)]) -> wire.Progress:
        """How far an account has come: its stage and since when, the onboarding with each milestone and the first
        value, the renewal ahead with its checklist, notices of cancellation, and what the next adoption level needs.

        By what is known today and the scorecard in force for the account. Of a stopped usage feed the level is that of
        the moment in which it stopped.
        """
        live = await found(database, id)
        at = max(live.at, clocks.world.now())
        async with database.read() as tx:
            known = await rules.now(tx)
            stopped = (await folding.load_states(tx, [live.partition], {}))[live.partition].stopped
            account = (await folding.load(tx, {id: months_needed(at, known.zone, stopped)}))[id]
        card = known.card_of(account.facts, at)
        return _told(id, engine.progress(account.facts, at, card, known.zone, stopped))


def _told(account: str, now: engine.Progress) -> wire.Progress:
    return wire.Progress(
        account=account,
        at=now.at,
        scorecard=now.scorecard,
        stage=now.stage,
        since=now.since,
        onboarding=_onboarding(now.onboarding) if now.onboarding is not None else None,
        renewal=_renewal(now.renewal) if now.renewal is not None else None,
        notices=[
            wire.NoticeOfCancellation(contract=each.contract, cancelled_at=each.cancelled_at, ends_on=each.ends_on)
            for each in now.notices
        ],
        adoption=wire.AdoptionProgress(
            level=now.adoption.level,
            active=now.adoption.active,
            window_days=now.adoption.window_days,
            next=now.adoption.next,
            needs=[
                wire.LevelNeed(measure=each.measure, value=each.value, needed=each.needed)
                for each in now.adoption.needs
            ],
        ),
    )


def _onboarding(now: engine.Onboarding) -> wire.OnboardingProgress:
    first = now.first_value
    return wire.OnboardingProgress(
        began=now.began,
        last_day=now.last_day,
        outcome=now.outcome,
        ended_at=now.ended_at,
        connected=now.connected,
        milestones=[
            wire.MilestoneProgress(name=each.name, weight=each.weight, due_on=each.due_on, reached_at=each.reached_at)
            for each in now.milestones
        ],
        first_value=wire.FirstValueProgress(
            milestone=first.milestone,
            target_days=first.target_days,
            due_on=first.due_on,
            days=first.days,
            reached_at=first.reached_at,
        )
        if first is not None
        else None,
    )


def _renewal(now: engine.RenewalAhead) -> wire.RenewalProgress:
    return wire.RenewalProgress(
        contract=now.contract,
        begins=now.begins,
        ends=now.ends,
        begun=now.begun,
        days_left=now.days_left,
        connected=now.connected,
        checklist=[wire.ChecklistItem(name=each.name, reached_at=each.reached_at) for each in now.checklist],
    )
