"""Bodies that nobody means well with, made from a list of bad values, the places they fit in, and ways to pack them."""

import gzip
import hashlib
import hmac
import json
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from uuid import UUID

from cskit.http.bodies import zstd

NATIVE: Final = "/v1/events"
SEGMENT: Final = ("/v1/batch", "/v1/import")
SINGLE: Final = ("/v1/track", "/v1/identify", "/v1/group", "/v1/page", "/v1/screen", "/v1/alias")
POSTHOG: Final = ("/batch", "/batch/", "/i/v1/analytics/events")
CLOUDEVENTS: Final = "/v1/cloudevents"
ROUTES: Final = (NATIVE, *SEGMENT, *SINGLE, *POSTHOG, CLOUDEVENTS)
SECRET: Final = "a2l6YXNoaS1rbm93bi10by1ib3RoLXNpZGVz"
MAPPING: Final = """
kind: json
items: "[@]"
rules:
  - when: id
    type: usage.tracked
    id: id
    account: account
    data:
      name: name
      count: count
"""
SOURCES: Final = {  # of webhooks: what each is told
    "own": {"kind": "json", "secret": SECRET, "options": {"header": "x-signature"}, "mapping": MAPPING},
    "standard": {"kind": "json", "secret": SECRET, "mapping": MAPPING},
    "intercom": {"kind": "intercom", "secret": SECRET},
    "salesforce": {"kind": "salesforce", "secret": SECRET, "options": {"organization_id": "00D000000000001EAA"}},
}
_IMPORT: Final = f"/v1/imports/{UUID(int=1)}"
OTHERS: Final = (  # routes of ours with a body, beside those for events
    ("POST", "/v1/texts"),
    ("PUT", "/v1/sources/odd"),
    ("POST", "/v1/imports"),
    ("POST", "/v1/imports/preview"),
    ("POST", f"{_IMPORT}/rows"),
    ("POST", "/v1/quarantine/discard"),
)

_DIGITS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Hostile:
    """One request."""

    name: str
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + b"1" + closing * depth


VALUES: Final[Mapping[str, bytes]] = {
    "nested 60": _nested(b"[", b"]", 60),
    "nested 65": _nested(b"[", b"]", 65),
    "nested 900": _nested(b"[", b"]", 900),
    "nested 5,000": _nested(b"[", b"]", 5_000),
    "nested objects 900": _nested(b'{"a":', b"}", 900),
    "nested objects 5,000": _nested(b'{"a":', b"}", 5_000),
    "opened and never closed": b"[" * 10_000,
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "1e999999": b"1e999999",
    "-1e999999": b"-1e999999",
    "1e-999999": b"1e-999999",
    "10,000 digits": b"9" * _DIGITS,
    "10,000 decimals": b"0." + b"1" * _DIGITS,
    "-0": b"-0",
    "01": b"01",
    "+1": b"+1",
    "1.": b"1.",
    "0x10": b"0x10",
    "2**63": str(2**63).encode(),
    "-2**64": str(-(2**64)).encode(),
    "half of a surrogate pair": rb'"\ud800"',
    "surrogates turned round": rb'"\udc00\ud800"',
    "surrogates as three bytes": b'"\xed\xa0\x80"',
    "NUL as an escape": rb'"a\u0000b"',
    "NUL as a byte": b'"a\x00b"',
    "line break in a text": b'"a\nb"',
    "invalid UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\x80"',
    "UTF-8 beyond Unicode": b'"\xf5\x80\x80\x80"',
    "cut UTF-8": b'"\xe6\x97"',
    "bad escape": rb'"\x41"',
    "text without end": b'"abc',
    "text of 40 KB": b'"' + b"x" * 40_000 + b'"',
    "address": b'"taro@example.com"',
    "control subject": b'"!control"',
    "empty text": b'""',
    "blank": b'"   "',
    "turned text": '"\u202eabc"'.encode(),
    "single quotes": b"'a'",
    "trailing comma": b'{"a":1,}',
    "comment": b'/* x */ "a"',
    "same key twice": b'{"a":1,"a":2}',
    "same key twice, once escaped": rb'{"a":1,"\u0061":2}',
    "same key twice, deep inside": b'{"a":[{"b":{"c":1,"d":2,"c":1}}]}',
    "same key twice, and NaN": b'{"a":NaN,"a":2}',
    "what looks like a key twice": rb'{"a":"\"a\": 1","b":"\"a\":"}',
    "empty key": b'{"":1}',
    "__proto__": b'{"__proto__":{"admin":true}}',
    "key of 20 KB": b'{"' + b"k" * 20_000 + b'":1}',
    "key with NUL": rb'{"a\u0000":1}',
    "key with half a pair": rb'{"\ud800":1}',
    "5,000 keys": json.dumps({str(n): n for n in range(5_000)}).encode(),
    "10,000 items": b"[" + b",".join([b"1"] * 10_000) + b"]",
    "null": b"null",
    "true": b"true",
    "number": b"7",
    "list": b"[]",
    "object": b"{}",
    "nothing": b"",
}

# what fits in each place, {} standing for the value
_NATIVE: Final = {
    "id": b'{"id":{},"type":"usage.tracked","account":"acme","data":{"name":"x"}}',
    "type": b'{"id":"h","type":{},"account":"acme","data":{"name":"x"}}',
    "account": b'{"id":"h","type":"usage.tracked","account":{},"data":{"name":"x"}}',
    "user": b'{"id":"h","type":"usage.tracked","account":"acme","user":{},"data":{"name":"x"}}',
    "time": b'{"id":"h","type":"usage.tracked","account":"acme","time":{},"data":{"name":"x"}}',
    "data": b'{"id":"h","type":"usage.tracked","account":"acme","data":{}}',
    "data.name": b'{"id":"h","type":"usage.tracked","account":"acme","data":{"name":{}}}',
    "data.count": b'{"id":"h","type":"usage.tracked","account":"acme","data":{"name":"x","count":{}}}',
    "properties": b'{"id":"h","type":"usage.tracked","account":"acme","data":{"name":"x","properties":{}}}',
    "a property": b'{"id":"h","type":"usage.tracked","account":"acme","data":{"name":"x","properties":{"p":{}}}}',
    "custom": b'{"id":"h","type":"account.described","account":"acme","data":{"custom":{"c":{}}}}',
    "amount": b'{"id":"h","type":"contract.changed","account":"acme","data":{"contract":"c","mrr":{}}}',
    "item": b"{}",
}
_SEGMENT: Final = {
    "type": b'{"type":{},"messageId":"h","event":"x","userId":"u","context":{"groupId":"acme"}}',
    "messageId": b'{"type":"track","messageId":{},"event":"x","userId":"u","context":{"groupId":"acme"}}',
    "event": b'{"type":"track","messageId":"h","event":{},"userId":"u","context":{"groupId":"acme"}}',
    "userId": b'{"type":"track","messageId":"h","event":"x","userId":{},"context":{"groupId":"acme"}}',
    "timestamp": b'{"type":"track","event":"x","userId":"u","timestamp":{},"context":{"groupId":"acme"}}',
    "properties": b'{"type":"track","event":"x","userId":"u","properties":{},"context":{"groupId":"acme"}}',
    "groupId": b'{"type":"group","messageId":"h","userId":"u","groupId":{}}',
    "traits": b'{"type":"identify","messageId":"h","userId":"u","traits":{},"context":{"groupId":"acme"}}',
    "context": b'{"type":"track","messageId":"h","event":"x","userId":"u","context":{}}',
    "item": b"{}",
}
_POSTHOG: Final = {
    "event": b'{"event":{},"uuid":"h","distinct_id":"u","properties":{"$groups":{"company":"acme"}}}',
    "uuid": b'{"event":"x","uuid":{},"distinct_id":"u","properties":{"$groups":{"company":"acme"}}}',
    "distinct_id": b'{"event":"x","uuid":"h","distinct_id":{},"properties":{"$groups":{"company":"acme"}}}',
    "properties": b'{"event":"x","uuid":"h","distinct_id":"u","properties":{}}',
    "$groups": b'{"event":"x","uuid":"h","distinct_id":"u","properties":{"$groups":{}}}',
    "timestamp": b'{"event":"x","distinct_id":"u","timestamp":{},"properties":{"$groups":{"company":"acme"}}}',
    "item": b"{}",
}
_CLOUDEVENT: Final = {
    "id": b'{"specversion":"1.0","id":{},"source":"product","type":"usage.tracked","subject":"a","data":{"name":"x"}}',
    "type": b'{"specversion":"1.0","id":"h","source":"product","type":{},"subject":"a","data":{"name":"x"}}',
    "subject": b'{"specversion":"1.0","id":"h","source":"p","type":"usage.tracked","subject":{},"data":{"name":"x"}}',
    "specversion": b'{"specversion":{},"id":"h","source":"p","type":"usage.tracked","subject":"a","data":{"name":"x"}}',
    "time": b'{"specversion":"1.0","id":"h","source":"p","type":"usage.tracked","time":{},"data":{"name":"x"}}',
    "data": b'{"specversion":"1.0","id":"h","source":"product","type":"usage.tracked","subject":"a","data":{}}',
    "item": b"{}",
}
GOOD: Final[Mapping[str, bytes]] = {
    NATIVE: b'{"id":"good","type":"usage.tracked","account":"acme","data":{"name":"x"}}',
    "segment": b'{"type":"track","messageId":"good","event":"x","userId":"u","context":{"groupId":"acme"}}',
    "posthog": b'{"event":"x","uuid":"good","distinct_id":"u","properties":{"$groups":{"company":"acme"}}}',
    CLOUDEVENTS: b'{"specversion":"1.0","id":"good","source":"product","type":"usage.tracked","subject":"acme",'
    b'"data":{"name":"x"}}',
}


def bodies() -> Iterator[Hostile]:
    """The whole corpus."""
    for name, value in VALUES.items():
        for path in ROUTES:
            yield Hostile(f"{name} as the body", path, value)
        for method, path in OTHERS:
            yield Hostile(f"{name} as the body", path, value, method=method)
        yield from _in_places(name, value)
        yield from _webhooks(name, value)
    yield from _outer_forms()
    yield from _documents()
    yield from _packed()


def _in_places(name: str, value: bytes) -> Iterator[Hostile]:
    """Next to a good item, so that one is seen to cost nothing to the other."""
    for place, form in _NATIVE.items():
        item = form.replace(b"{}", value, 1)
        yield Hostile(f"{name} as {place}", NATIVE, b'{"events":[' + item + b"," + GOOD[NATIVE] + b"]}")
        yield Hostile(f"{name} as {place} in a line", NATIVE, GOOD[NATIVE] + b"\n" + item + b"\n" + GOOD[NATIVE])
    for place, form in _SEGMENT.items():
        item = form.replace(b"{}", value, 1)
        yield Hostile(f"{name} as {place}", SEGMENT[0], b'{"batch":[' + item + b"," + GOOD["segment"] + b"]}")
    for place, form in _POSTHOG.items():
        item = form.replace(b"{}", value, 1)
        yield Hostile(f"{name} as {place}", POSTHOG[1], b'{"batch":[' + item + b"," + GOOD["posthog"] + b"]}")
    for place, form in _CLOUDEVENT.items():
        item = form.replace(b"{}", value, 1)
        yield Hostile(f"{name} as {place}", CLOUDEVENTS, b"[" + item + b"," + GOOD[CLOUDEVENTS] + b"]")
    yield Hostile(f"{name} as batch", SEGMENT[0], b'{"batch":' + value + b"}")
    yield Hostile(f"{name} as batch", POSTHOG[0], b'{"batch":' + value + b"}")
    for outer in (b"sentAt", b"writeKey"):
        yield Hostile(f"{name} as {outer.decode()}", SEGMENT[0], b'{"batch":[],"%s":%s}' % (outer, value))
    for outer in (b"sent_at", b"api_key", b"historical_migration"):
        yield Hostile(f"{name} as {outer.decode()}", POSTHOG[0], b'{"batch":[],"%s":%s}' % (outer, value))
    yield Hostile(f"{name} as events", NATIVE, b'{"events":' + value + b"}")
    yield Hostile(f"{name} as CloudEvent's data alone", CLOUDEVENTS, value, dict(_BINARY))


def _webhooks(name: str, value: bytes) -> Iterator[Hostile]:
    for body in (value, b'{"id":"h","account":"acme","name":"x","count":' + value + b"}"):
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        yield Hostile(f"{name} to a mapping", "/v1/webhooks/own", body, {"x-signature": signature})
    ticket = b'{"topic":"conversation.user.created","created_at":1,"data":{"item":' + value + b"}}"
    for body in (value, ticket):
        signature = "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
        yield Hostile(f"{name} from Intercom", "/v1/webhooks/intercom", body, {"x-hub-signature": signature})
    unsigned = {"webhook-id": "h", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,aGVsbG8="}
    yield Hostile(f"{name} with a wrong signature", "/v1/webhooks/standard", value, unsigned)
    yield Hostile(f"{name} from Salesforce", "/v1/webhooks/salesforce", value, {"x-kizashi-token": SECRET})


_ENVELOPE: Final = (
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notifications xmlns="http://soap.sforce.com/2005/09/outbound">%s</notifications></soapenv:Body></soapenv:Envelope>'
)


def _documents() -> Iterator[Hostile]:
    """XML, for the source that sends it."""
    for name, body in (
        ("entities that multiply", b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'),
        ("an outside entity", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'),
        ("elements nested 100,000", b"<a>" * 100_000 + b"</a>" * 100_000),
        ("an attribute twice", b'<a b="1" b="2"/>'),
        ("another encoding", '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16")),
        ("nothing inside", _ENVELOPE % b""),
        ("nested in a field", _ENVELOPE % (b"<Notification>" + b"<sObject>" * 5_000 + b"</sObject>" * 5_000)),
        ("100,000 notifications", _ENVELOPE % (b"<Notification/>" * 60_000)),
    ):
        yield Hostile(name, "/v1/webhooks/salesforce", body, {"x-kizashi-token": SECRET})


_BINARY: Final = {
    "ce-specversion": "1.0",
    "ce-id": "h",
    "ce-source": "product",
    "ce-type": "usage.tracked",
    "ce-subject": "acme",
}


def _outer_forms() -> Iterator[Hostile]:
    for path in ROUTES:
        good = {NATIVE: GOOD[NATIVE], CLOUDEVENTS: GOOD[CLOUDEVENTS]}.get(path, b'{"batch":[]}')
        yield Hostile("byte order mark", path, b"\xef\xbb\xbf" + good)
        yield Hostile("UTF-16", path, good.decode().encode("utf-16"))
        yield Hostile("something behind the end", path, good + b"]")
        yield Hostile("two bodies", path, good + good)
        for name in (b"events", b"batch"):
            yield Hostile("two lists", path, b'{"%s":[],"%s":[]}' % (name, name))
            yield Hostile("two lists, and NaN", path, b'{"%s":[],"%s":[],"a":NaN}' % (name, name))
        yield Hostile("white space only", path, b" \r\n\t" * 1_000)
        yield Hostile("line breaks only", path, b"\n" * 400_000)
        yield Hostile("beyond its size", path, b"[" + b" " * (11 * 1024 * 1024) + b"]")
        yield Hostile("a form", path, b"a=1&b=2", {"content-type": "application/x-www-form-urlencoded"})
        yield Hostile("deep to the limit of the size", path, b"[" * 499_000)
        for declared in ("0", "1", "999999999999", "-1", "x", "1e3", "9" * 5_000):
            yield Hostile(f"Content-Length {declared[:12]}", path, good, {"content-length": declared})
    for header, value in (("ce-id", ""), ("ce-time", "yesterday"), ("ce-type", "%00"), ("ce-subject", "%ff%fe")):
        yield Hostile(f"{header}: {value}", CLOUDEVENTS, b'{"name":"x"}', {**_BINARY, header: value})
    yield Hostile("ce-user of 20 KB", CLOUDEVENTS, b'{"name":"x"}', {**_BINARY, "ce-user": "u" * 20_000})


def bombs(path: str) -> Iterator[Hostile]:
    """Small to send, large or long to unpack."""
    for name, encoding, body in _bombs():
        yield Hostile(name, path, body, {"content-encoding": encoding})


@cache
def _bombs() -> Sequence[tuple[str, str, bytes]]:
    blanks, zeros = b" " * (50 * 1024 * 1024), b"[" + b"0," * 4_000_000 + b"0]"
    return (
        ("gzip of 50 MB", "gzip", gzip.compress(blanks)),
        ("gzip of eight million characters", "gzip", gzip.compress(zeros)),
        ("gzip of 4,000 members", "gzip", gzip.compress(b"[" * 1_024) * 4_000),
        ("gzip of 40,000 empty members", "gzip", gzip.compress(b"") * 40_000),
        ("zstd of 50 MB", "zstd", zstd.compress(blanks)),
        ("zstd of eight million characters", "zstd", zstd.compress(zeros)),
        ("zstd of 100,000 empty frames", "zstd", zstd.compress(b"") * 100_000),
        ("zstd with a window of 128 MB", "zstd", _windowed(27)),
    )


def _windowed(log: int) -> bytes:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return packer.compress(b'{"events":[]}') + packer.flush()


def crowds(path: str) -> Iterator[Hostile]:
    """Millions of tiny things, up to the largest body that any route takes."""
    size = (10 if path == NATIVE else 4) * 1024 * 1024 - 64
    for name, item, end in (
        ("zeros", b"0,", b"0"),
        ("zeros and NaN", b"0,", b"NaN"),
        ("objects", b"{},", b"{}"),
        ("lists", b"[],", b"[]"),
    ):
        items = b"[" + item * (size // len(item)) + end + b"]"
        for outer in (b"", b"events", b"batch"):
            body = b'{"' + outer + b'":' + items + b"}" if outer else items
            yield Hostile(f"{name} in {outer.decode() or 'a list'}", path, body)
    yield Hostile("lines of objects", path, b"{}\n" * (size // 3))
    yield Hostile("line breaks", path, b"{}\n{}" + b"\n" * size)
    keys = b",".join(b'"%d":0' % number for number in range(size // 11))
    yield Hostile("keys", path, b"{" + keys + b"}")
    for outer in (b"events", b"batch"):
        yield Hostile(f"keys beside {outer.decode()}", path, b'{"' + outer + b'":[],' + keys + b"}")
        yield Hostile(
            f"a key often in {outer.decode()}", path, b'{"%s":[{%s"b":1}]}' % (outer, b'"a":0,' * (size // 7))
        )
    yield Hostile("a long key", path, b'{"' + rb"\n" * (size // 2) + b'":0}')


def _packed() -> Iterator[Hostile]:
    for path in ROUTES:
        good = {NATIVE: GOOD[NATIVE], CLOUDEVENTS: GOOD[CLOUDEVENTS]}.get(path, b'{"batch":[]}')
        packed = gzip.compress(good)
        for name, body, encoding in (
            ("garbage as gzip", b"\x00\x01\x02garbage", "gzip"),
            ("garbage behind gzip's header", b"\x1f\x8b\x08\x00" + b"\xff" * 64, "gzip"),
            ("cut gzip", packed[:-6], "gzip"),
            ("gzip of nothing", gzip.compress(b""), "gzip"),
            ("gzip with a wrong checksum", packed[:-8] + b"\x00" * 8, "gzip"),
            ("gzip in gzip", gzip.compress(packed), "gzip"),
            ("gzip and garbage", packed + b"garbage", "gzip"),
            ("plain as gzip", good, "gzip"),
            ("nothing as gzip", b"", "gzip"),
            ("gzip not named", packed, ""),
            ("zstd", zstd.compress(good), "zstd"),
            ("cut zstd", zstd.compress(good)[:-3], "zstd"),
            ("zstd and garbage", zstd.compress(good) + b"garbage", "zstd"),
            ("plain as zstd", good, "zstd"),
            ("nothing as zstd", b"", "zstd"),
            ("zstd as gzip", zstd.compress(good), "gzip"),
            ("bare deflate", zlib.compress(good)[2:-4], "deflate"),
            ("garbage as deflate", b"\xff" * 64, "deflate"),
            ("garbage as br", b"\xff" * 64, "br"),
            ("garbage as zstd", b"\xff" * 64, "zstd"),
            ("two encodings", packed, "gzip, gzip"),
            ("an encoding of 10 KB", packed, "g" * 10_000),
        ):
            yield Hostile(name, path, body, {"content-encoding": encoding} if encoding else {})
