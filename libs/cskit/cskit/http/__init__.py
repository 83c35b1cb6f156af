"""HTTP conventions of all services: the app, keys and scopes, problem details, pages, idempotent writes, calls."""

from cskit.http.access import key_of, principal_of, requires
from cskit.http.app import make_app
from cskit.http.bodies import BodyLimits
from cskit.http.calls import service_client
from cskit.http.pages import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor, moment_of
from cskit.http.problems import problem_response
from cskit.http.writes import WriteId, WriteIds, idempotent_id

__all__ = [
    "DEFAULT_LIMIT",
    "BodyLimits",
    "Cursor",
    "Limit",
    "WriteId",
    "WriteIds",
    "decode_cursor",
    "encode_cursor",
    "idempotent_id",
    "key_of",
    "make_app",
    "moment_of",
    "principal_of",
    "problem_response",
    "requires",
    "service_client",
]
