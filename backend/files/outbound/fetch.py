"""Fetching of pictures from URLs that users chose, without giving them access to the internal network."""

import re
from dataclasses import dataclass
from email.message import Message
from typing import Final
from urllib.parse import unquote

import httpcore
import httpx

from backend.clock import CLOCK, Clock
from backend.errors import FetchFailed, FetchTimeout, FetchTooLarge, UrlForbidden
from backend.files.limits import FetchPolicy, Limits
from backend.files.outbound.addresses import Address, resolve_allowed
from backend.files.outbound.connection import Deadline, PinnedBackend

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_OK: Final = 200
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_URL_CHARACTERS: Final = 4096
_MAX_NAME_CHARACTERS: Final = 255
_UNSAFE_IN_NAMES: Final = re.compile(r"[\x00-\x1f\x7f]")
_FOLDERS: Final = re.compile(r".*[/\\]", re.DOTALL)
_HEADERS: Final = (
    (b"User-Agent", b"mediacluster"),
    (b"Accept", b"image/*, */*;q=0.1"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched file.

    Attributes:
        data: the body of the response.
        final_url: the URL after redirects.
        filename: file name from the response or the URL, without folders, '' if there is none.
        is_named: whether the response said it.
    """

    data: bytes
    final_url: str
    filename: str
    is_named: bool


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


def fetch_url(url: str, policy: FetchPolicy, limits: Limits, *, clock: Clock = CLOCK) -> Fetched:
    """Fetch `url` (GET, no cookies, no proxy) within `policy.total_seconds`, including redirects, resolving and TLS.

    It connects to the address that was checked, and checks every redirect again.

    Raises:
        UrlForbidden: the URL, or one that it redirects to, is not allowed.
        FetchTimeout, FetchTooLarge: over `policy` or `limits.max_body_bytes`.
        FetchFailed: no connection, an invalid response, or a status other than 200 (`context["status"]`).

    """
    deadline = Deadline(policy.total_seconds, clock)
    try:
        current = parse_url(url, policy)
        for _ in range(policy.max_redirects + 1):
            addresses = resolve_allowed(host_of(current), port_of(current), policy, deadline.remaining_seconds())
            answer = _ask(current, PinnedBackend(addresses, deadline, policy.connect_seconds), limits)
            if isinstance(answer, Fetched):
                return answer
            current = parse_url(answer.location, policy)
    except httpcore.TimeoutException:
        raise FetchTimeout(
            f"{_shown(url)} did not answer within the time allowed.", hint="Try again later, or upload the file."
        ) from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise FetchFailed(f"{_shown(url)} could not be fetched ({error}).", hint="Check the URL.") from None
    raise FetchFailed(
        f"{_shown(url)} redirects more than {policy.max_redirects} times.", hint="Use the address it redirects to."
    )


def check_url(url: str, policy: FetchPolicy) -> tuple[Address, ...]:
    """Check `url` without contacting it: its form and the addresses of its host. Returns the addresses.

    Raises:
        UrlForbidden, FetchFailed (the name does not resolve), FetchTimeout.

    """
    parsed = parse_url(url, policy)
    return resolve_allowed(host_of(parsed), port_of(parsed), policy, policy.connect_seconds)


def parse_url(url: str, policy: FetchPolicy) -> httpx.URL:
    """Parse a URL and check its form and port. Raises UrlForbidden."""
    if len(url) > _MAX_URL_CHARACTERS:
        raise UrlForbidden("The URL is too long.", hint=f"{_MAX_URL_CHARACTERS:,} characters are allowed.")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise UrlForbidden(
            f"{_shown(url)} is not a valid URL ({error}).", hint="Write it like https://host/path."
        ) from None
    # As it goes over the wire, since not all punycode has a Unicode form ("xn--ls8h.la"), which `parsed.host` would need.
    # A percent sign in a host is a zone ("fe80::1%eth0") or an escaped character; neither names an Internet host.
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.raw_host or b"%" in parsed.raw_host:
        raise UrlForbidden(f"{_shown(url)} is not an http or https URL.", hint="Write it like https://host/path.")
    if parsed.userinfo:
        raise UrlForbidden("The URL carries a user name or password.", hint="Remove it.")
    if policy.ports is not None and port_of(parsed) not in policy.ports:
        raise UrlForbidden(
            f"Port {port_of(parsed)} is not allowed.", hint=f"Allowed ports: {', '.join(map(str, policy.ports))}."
        )
    return parsed


def port_of(url: httpx.URL) -> int:
    """The port of a URL, by default that of its scheme."""
    return _DEFAULT_PORTS[url.scheme] if url.port is None else url.port


def host_of(url: httpx.URL) -> str:
    """Return the host in the form that goes over the wire (punycode), the same for resolver, TLS and header."""
    return url.raw_host.decode("ascii")


def _ask(url: httpx.URL, backend: PinnedBackend, limits: Limits) -> Fetched | _Redirect:
    """Send one request. Uses httpcore without a client, so that no cookies or credentials can be sent."""
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=port_of(url), target=url.raw_path)
    tls = httpx.create_ssl_context() if url.scheme == "https" else None
    with (
        httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool,
        pool.stream("GET", target, headers=[(b"Host", url.netloc), *_HEADERS]) as response,
    ):
        headers = httpx.Headers(response.headers)
        if response.status in _REDIRECTS and "location" in headers:
            return _Redirect(_join(url, headers["location"]))
        if response.status != _OK:
            raise FetchFailed(
                f"{_shown(str(url))} answered with status {response.status}.",
                hint="Check that the URL opens without signing in.",
                status=response.status,
            )
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise FetchFailed(
                f"{_shown(str(url))} sent a compressed response, which is not accepted.",
                hint="Upload the file instead.",
            )
        body = _read_body(response, headers, limits.max_body_bytes)
    return Fetched(body, str(url.copy_with(fragment=None)), *_filename(url, headers))


def _join(url: httpx.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx.InvalidURL, ValueError):
        return location  # the check that follows rejects it, with the reason


def _read_body(response: httpcore.Response, headers: httpx.Headers, max_bytes: int) -> bytes:
    declared = headers.get("content-length", "")
    body = bytearray()
    if not (declared.isdecimal() and int(declared) > max_bytes):
        for part in response.iter_stream():
            body += part
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    raise FetchTooLarge(f"The file is larger than {max_bytes:,} bytes.", hint="Use a smaller version.")


def _filename(url: httpx.URL, headers: httpx.Headers) -> tuple[str, bool]:
    message = Message()
    message["Content-Disposition"] = headers.get("content-disposition", "").replace("\r", "").replace("\n", "")
    try:
        given = message.get_filename()
    except (TypeError, ValueError):  # of parameters that nobody sends in earnest: numbered wrongly, in odd encodings
        given = None
    name = given or unquote(url.path.rsplit("/", 1)[-1])
    return _UNSAFE_IN_NAMES.sub("_", _FOLDERS.sub("", name.strip()))[:_MAX_NAME_CHARACTERS], bool(given)


def _shown(url: str) -> str:
    """A URL for messages: shortened, and without credentials and the query, which may be secret."""
    try:
        parsed = httpx.URL(url)
        return f"{parsed.scheme}://{parsed.host}{parsed.path}"[:200]
    except (httpx.InvalidURL, ValueError):
        return "The address"
