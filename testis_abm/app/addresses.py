"""The names of the app: by which address it answers, and which pages are its own."""

from __future__ import annotations

import socket
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from testis_abm.support.errors import TestisError, shown

_HERE = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def origin(url: str) -> str:
    """Return the origin that `url` is, as browsers write it.

    Raises:
        TestisError: it is none.
    """
    wrong = f"--allow-origin {shown(url)} is not an origin; write scheme, host and port alone: https://abm.example.org"
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TestisError(wrong) from None
    bare = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    plain = host is not None and host.isascii() and not set(host) & set("*,;'\"\\ ")
    if parts.scheme not in ("http", "https") or not host or not bare or not plain:
        raise TestisError(wrong)
    return f"{parts.scheme}://{netloc(_bracketed(host), port, parts.scheme)}"


def _bracketed(host: str) -> str:
    """Return a host as an address holds it: one of IPv6 in brackets, without its zone."""
    name = host.strip("[]").split("%")[0].lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped) if mapped else f"[{address}]" if address.version == 6 else str(address)


def netloc(host: str, port: int | None, scheme: str) -> str:
    """Return host and port as an address holds them: the usual port is left out."""
    return host if port in (None, _PORTS[scheme]) else f"{host}:{port}"


@cache
def machine_names() -> tuple[str, ...]:
    """Return the names by which others know this machine."""
    return tuple(dict.fromkeys(name.lower() for name in (socket.gethostname(), socket.getfqdn()) if name))


def is_any(host: str) -> bool:
    """Return whether listening on `host` is listening on every address of the machine."""
    try:
        return ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host == ""


def is_here(host: str) -> bool:
    """Return whether `host` is reached from this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def names(host: str, local: str) -> list[str]:
    """Return the names of the app for who reaches it at the address `local`, when it listens on `host`.

    From outside, an app that listens on all addresses has that address and the names of the machine: no page of another
    site can take these for its own, as it can any name that its owner points here.
    """
    given = "" if is_any(host) else _bracketed(host)
    outside = () if is_here(local) else (_bracketed(local), *machine_names())
    return [name for name in dict.fromkeys((*_HERE, given, *outside)) if name]


def public_name(host: str) -> str:
    """Return the name in the address of an app that listens on `host`."""
    return "localhost" if is_here(host) or is_any(host) else _bracketed(host)
