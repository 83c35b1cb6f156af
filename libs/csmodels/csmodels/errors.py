"""The one way an event can be refused."""

from typing import Final

NOT_JSON: Final = "not_json"  # the bytes are no JSON document
NOT_AN_OBJECT: Final = "not_an_object"  # JSON, but not an object
UNKNOWN_TYPE: Final = "unknown_type"  # no such event type on this topic
MISSING_FIELD: Final = "missing_field"  # a required field is absent
INVALID_FIELD: Final = "invalid_field"  # a field has a wrong type, form or value
UNKNOWN_FIELD: Final = "unknown_field"  # a client's event has a field that its type does not; readers ignore those
TIME_IN_FUTURE: Final = "time_in_future"  # time lies more than five minutes beyond receivedtime
WRONG_KEY: Final = "wrong_key"  # the message key, the subject or the data name different accounts

CODES: Final = frozenset(
    {NOT_JSON, NOT_AN_OBJECT, UNKNOWN_TYPE, MISSING_FIELD, INVALID_FIELD, UNKNOWN_FIELD, TIME_IN_FUTURE, WRONG_KEY}
)


class InvalidEvent(ValueError):
    """A message that no reader can use.

    `code` is one of CODES, `field` the dotted path of the culprit ("" for the whole message), `message` a sentence
    that names the field and the rule. None of them ever contains the refused value, which may be personal.
    """

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message

    def __reduce__(self) -> tuple[type["InvalidEvent"], tuple[str, str, str]]:
        return InvalidEvent, (self.code, self.field, self.message)
