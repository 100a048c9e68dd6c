"""Post to a URL that somebody else chose, with the same checks as fetching one."""

from collections.abc import Mapping

import httpcore
import httpx

from backend.errors import FetchFailed, FetchTimeout
from backend.files.limits import FetchPolicy
from backend.files.outbound.addresses import resolve_allowed
from backend.files.outbound.connection import Deadline, PinnedBackend
from backend.files.outbound.fetch import host_of, parse_url, port_of


def post_to(url: str, body: bytes, headers: Mapping[str, str], policy: FetchPolicy) -> int:
    """Post within `policy.total_seconds`; returns the status. The answer's body is not read, redirects are not followed.

    The address that was checked is the address that is asked.

    Raises:
        UrlForbidden: the URL may not be asked.
        FetchTimeout, FetchFailed: no answer in time, or no connection.
    """
    deadline = Deadline(policy.total_seconds)
    try:
        parsed = parse_url(url, policy)
        addresses = resolve_allowed(host_of(parsed), port_of(parsed), policy, deadline.remaining_seconds())
        target = httpcore.URL(
            scheme=parsed.raw_scheme, host=parsed.raw_host, port=port_of(parsed), target=parsed.raw_path
        )
        tls = httpx.create_ssl_context() if parsed.scheme == "https" else None
        sent = [
            (b"Host", parsed.netloc),
            (b"User-Agent", b"mediacluster"),
            (b"Connection", b"close"),
            (b"Content-Length", str(len(body)).encode()),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ]
        backend = PinnedBackend(addresses, deadline, policy.connect_seconds)
        with (
            httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool,
            pool.stream("POST", target, headers=sent, content=body) as response,
        ):
            return int(response.status)
    except httpcore.TimeoutException:
        raise FetchTimeout("There was no answer in time.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise FetchFailed(f"There was no answer ({error}).") from None
