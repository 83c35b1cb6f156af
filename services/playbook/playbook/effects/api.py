"""/v1/webhook-endpoints: endpoints, their deliveries, replays and tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from cskit.auth import Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Conflict, Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, encode_cursor, requires
from cskit.http.writes import WriteIds
from cskit.messages import UnitOfWork, UnitOfWorks
from csmodels.api import Model, Page
from csmodels.fields import Code, Staff, UtcTime
from playbook.api.edge import Body, actor_of, after_of, name_after, page_of
from playbook.effects.address import check_address
from playbook.effects.endpoint import BROADCAST, TEST, Disabled, Endpoint, Status, disabled, enabled, fresh_secret, rotated
from playbook.effects.queue import Queue
from playbook.effects.store import effects, endpoints
from playbook.effects.store.effects import Delivery, Effect, State
from playbook.effects.verdict import Failed
from playbook.store import records
from playbook.store.records import Entry

Type = Literal["task.created", "task.changed", "task.completed", "task.overdue"]
