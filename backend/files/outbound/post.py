"""POST requests to URLs that users chose, with the same checks as for fetching."""

from collections.abc import Mapping

import httpcore
import httpx

from backend.errors import FetchFailed, FetchTimeout
from backend.files.limits import FetchPolicy
from backend.files.outbound.addresses import resolve_allowed
from backend.files.outbound.connection import Deadline, PinnedBackend
from backend.files.outbound.fetch import host_of, parse_url, port_of


def post_to(url: str, body: bytes, headers: Mapping[str, str], policy: FetchPolicy) -> int:
    """Send a POST request within `policy.total_seconds` and return the status.

    It connects to the address that was checked. The body of the response is not read, and redirects are not followed.

    Raises:
        UrlForbidden: the URL is not allowed.
        FetchTimeout, FetchFailed: no response in time, or no connection.
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
