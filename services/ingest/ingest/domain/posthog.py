"""PostHog's events as Segment's calls, so that one set of rules decides what each comes to."""

from collections.abc import Mapping
from typing import Any, Final

# The group types whose key is the account's id, the first that is given. Groups of other types are not ours.
ACCOUNT_GROUPS: Final = ("account", "company", "organization", "organisation", "customer")
_VIEWS: Final = {"$pageview": "page", "$screen": "screen"}
_FIELDS: Final = {  # Segment's names in a refusal, by PostHog's
    "messageId": "uuid",
    "userId": "distinct_id",
    "previousId": "properties.distinct_id",
    "groupId": "properties.$group_key",
    "context.groupId": "properties.$groups",
    "type": "event",
    "traits": "properties.$set",
}


def call_of(event: object) -> object:
    """The Segment call that an event is; what is no object stays as it is, to be refused.

    An event of PostHog's own making that says nothing of an account's health, such as $feature_flag_called, keeps its
    name as type and is refused by it.
    """
    if not isinstance(event, dict):
        return event
    name, given = event.get("event"), event.get("properties")
    properties: Mapping[str, Any] = given if isinstance(given, dict) else {}
    call: dict[str, Any] = {"messageId": event.get("uuid"), "timestamp": event.get("timestamp")}
    groups = properties.get("$groups")
    account = _account(groups) if isinstance(groups, dict) else None
    if account is not None:
        call["context"] = {"groupId": account}
    call["anonymousId" if _is_nobody(event, properties) else "userId"] = event.get("distinct_id")
    match name:
        case "$identify" | "$set":
            call |= {"type": "identify", "traits": _set_of(event, properties)}
            if isinstance(properties.get("$anon_distinct_id"), str):
                call["anonymousId"] = properties["$anon_distinct_id"]
        case "$groupidentify" if properties.get("$group_type") in ACCOUNT_GROUPS:
            call |= {"type": "group", "groupId": properties.get("$group_key"), "traits": properties.get("$group_set")}
            if str(event.get("distinct_id")).startswith("$"):  # made up by the SDK where no user is named
                del call["userId"]
        case "$create_alias":
            call |= {"type": "alias", "userId": properties.get("alias"), "previousId": properties.get("distinct_id")}
        case "$pageview" | "$screen":
            call |= {"type": _VIEWS[name], "properties": _own(properties)}
        case str() if name.startswith("$"):
            call["type"] = name
        case _:
            call |= {"type": "track", "event": name, "properties": _own(properties)}
    return call


def told(field: str, message: str) -> tuple[str, str]:
    """A field and what is said of it in PostHog's names. A trait keeps its own: it came in any of $set, $set_once and
    $group_set.
    """
    theirs = _FIELDS.get(field, field.removeprefix("traits."))
    return theirs, message.replace(field, theirs, 1) if field else message


def _account(groups: Mapping[str, Any]) -> object:
    return next((groups[kind] for kind in ACCOUNT_GROUPS if kind in groups), None)


def _is_nobody(event: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Whether the id stands for a visitor without a profile."""
    options = event.get("options")
    told = options.get("process_person_profile") if isinstance(options, dict) else None
    return told is False or properties.get("$process_person_profile") is False


def _set_of(event: Mapping[str, Any], properties: Mapping[str, Any]) -> object:
    found = properties.get("$set", event.get("$set"))
    once = properties.get("$set_once", event.get("$set_once"))
    if isinstance(found, dict) and isinstance(once, dict):
        return {**once, **found}
    return found if found is not None else once


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Those that the product gave: PostHog's own begin with a dollar sign."""
    return {name: value for name, value in properties.items() if not name.startswith("$")}
