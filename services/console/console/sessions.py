"""Signing in: the printed link and the session cookie. Signed texts, nothing is stored.

The keys are derived from the services' shared key, one for each purpose, so that a link is no session and neither is
of use to another installation. Both expire by the wall clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from urllib.parse import urlencode, urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

Role = Literal["csm", "leader", "operator", "read_only"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

LINK_FOR: Final = timedelta(days=1)
SESSION_FOR: Final = timedelta(hours=12)
_LINK: Final = "kizashi.console.sign-in"
_SESSION: Final = "kizashi.console.session"
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Session:
    """Who looks: a member of the staff if the link was made for one, what they may do, and until when."""

    staff: str | None
    role: Role
    until: datetime

    @property
    def may_write(self) -> bool:
        """Whether tasks may be changed."""
        return self.role != "read_only"

    @property
    def may_operate(self) -> bool:
        """Whether it is shown how data come in: sources, and what was refused."""
        return self.role in ("operator", "leader")


def sign_in_link(
    public_url: str, secret: str, *, staff: str | None, role: Role, now: datetime, valid: timedelta
) -> str:
    """A link that signs in once its button is pressed; it works until now + valid, as often as it is opened."""
    token = _signed(_LINK, secret, Session(staff, role, now + valid))
    return f"{public_url}/sign-in?{urlencode({'token': token})}"


def from_link(token: str, secret: str, now: datetime) -> Session | None:
    """Whom a link signs in; `until` is the link's own end. None if it is not valid any more, or never was."""
    return _read(_LINK, token, secret, now)


def session_text(session: Session, secret: str, now: datetime) -> str:
    """The cookie of a session that begins now."""
    return _signed(_SESSION, secret, Session(session.staff, session.role, now + SESSION_FOR))


def from_cookie(text: str, secret: str, now: datetime) -> Session | None:
    """The session of a cookie. None if it is over, or is none."""
    return _read(_SESSION, text, secret, now)


def cookie_name(public_url: str) -> str:
    """Cookies know no ports: two servers on one machine keep theirs apart by the name."""
    port = urlsplit(public_url).port
    return f"kizashi_session_{port}" if port else "kizashi_session"


def _signed(purpose: str, secret: str, session: Session) -> str:
    content = {"s": session.staff, "r": session.role, "u": int(session.until.timestamp())}
    return str(_serializer(purpose, secret).dumps(content))


def _read(purpose: str, text: str, secret: str, now: datetime) -> Session | None:
    if len(text) > _LONGEST:
        return None
    try:
        content = _serializer(purpose, secret).loads(text)
    except BadSignature:  # forged, cut off, or signed by another start of the server: nobody is told which
        return None
    session = Session(content["s"], content["r"], datetime.fromtimestamp(content["u"], UTC))
    return session if now < session.until and session.role in ROLES else None


def _serializer(purpose: str, secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=purpose, signer_kwargs={"key_derivation": "hmac"})


def local_path(text: str | None) -> str | None:
    """The text if it is a path of this site, to which one may be sent back; else None. Never another site."""
    if not text or len(text) > 2000 or not text.startswith("/") or text.startswith(("//", "/\\")):
        return None
    if any(letter.isspace() or ord(letter) < 0x20 or letter == "\\" for letter in text):
        return None
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc else None
