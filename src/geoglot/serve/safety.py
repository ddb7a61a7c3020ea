"""What may come in: rasters by kind and size, paths and addresses by the operator's list, JSON by depth."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.windows import Window

from geoglot.core.errors import NetworkError
from geoglot.serve.errors import Forbidden, Malformed, TooLarge, Unusable, WrongType

# Kinds that hold pixels and nothing else: a VRT or a map service description may name any other file or address.
# They are known by their first bytes, and opened by that driver alone.
_HEADS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\0\0\0\x0cjP  ": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
    b"RIFF": "WEBP",
}
_MAX_SIDE = 2**20
_MAX_BANDS = 1024
_MAX_RATIO = 4000  # of pixels to bytes: deflate reaches 1,032 on constant data
_KINDS = "Send a GeoTIFF, or a PNG, JPEG, JPEG 2000 or WebP picture."
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")
_CHUNK = 1 << 18
_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def check_raster(path: Path, pixels: int) -> None:
    """Raise where a file is no raster of a kind that holds its pixels itself, or one that would not fit.

    The header is read, and the last pixel. `WrongType` for another kind; `TooLarge` for more pixels than `pixels`, a side or a
    number of bands that nothing real has, or a file that claims thousands of times what it holds; `Unusable` for a broken one.
    """
    with path.open("rb") as file:
        head = file.read(16)
    driver = next((name for start, name in _HEADS.items() if head.startswith(start)), None)
    if driver is None or (driver == "WEBP" and head[8:12] != b"WEBP"):
        raise WrongType("The file is no raster of a kind that is taken.", _KINDS)
    try:
        with rasterio.open(path, driver=driver) as raster:
            height, width, count = raster.height, raster.width, raster.count
            claimed = height * width * sum(np.dtype(kind).itemsize for kind in raster.dtypes)
        with rasterio.open(path) as raster:  # as it will be opened later: no other driver may think that the file is its own
            driver = driver if raster.driver == driver else None
            if height * width <= pixels:  # a file that breaks off is told now, and not by a job later
                raster.read(count, window=Window(width - 1, height - 1, 1, 1))
    except (RasterioError, CPLE_BaseError, ValueError, OSError):
        raise Unusable(
            "The file is damaged: it cannot be opened as a raster.", "Check it with 'geoglot verify', then send it again."
        ) from None
    if driver is None:
        raise WrongType("The file is of two kinds at once.", _KINDS)
    if count == 0:
        raise Unusable("The file holds no bands.", "Send one of its parts as a GeoTIFF.")
    if height * width > pixels or max(height, width) > _MAX_SIDE or count > _MAX_BANDS:
        raise TooLarge(
            f"The raster has {height:,} x {width:,} pixels in {count:,} bands, and {pixels:,} pixels is the most.",
            "Cut it into parts (gdal_translate -srcwin), or ask the operator to index it.",
        )
    held = path.stat().st_size
    if claimed > max(1 << 28, _MAX_RATIO * held):
        raise TooLarge(
            f"The file claims {claimed / 2**20:,.0f} MiB of pixels and holds {held / 2**20:,.2f} MiB.",
            "Its header is damaged, or nearly all of it is empty: cut out the part with data.",
        )


def check_depth(body: bytes, most: int) -> None:
    """Raise `Malformed` for JSON that is nested deeper than `most`."""
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > most:
            raise Malformed(f"The JSON is nested deeper than {most} levels.", "Send it flatter.")


def allowed_path(source: str, allow: Sequence[str]) -> Path:
    """A path of this machine inside one of the operator's folders, links followed; raises `Forbidden` otherwise.

    What is not there is refused in the same words as what is not allowed, so that nobody can find out what is there.
    """
    refused = Forbidden(
        "The service may not read this path.", "Upload the file (POST /api/uploads), or ask the operator to --allow its folder."
    )
    if "\0" in source or not allow:
        raise refused
    try:
        found = Path(source).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise refused from None
    for place in allow:
        if "://" not in place and found.is_relative_to(Path(place).expanduser().resolve()):
            return found
    raise refused


def is_address(source: str) -> bool:
    """Whether a source names a place on the network, or one of GDAL's virtual ones."""
    return "://" in source or source.startswith("/vsi")


def check_address(source: str, allow: Sequence[str]) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of an address that the operator allows; `Forbidden` otherwise."""
    refused = Forbidden(
        "The service may not read this address.",
        "Upload the file (POST /api/uploads), or ask the operator to --allow the address.",
    )
    try:
        parts = urlsplit(source)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise refused from None
    path = parts.path or "/"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise refused
    if re.search(r"[\x00-\x20\x7f\\]|%2e|%2f|%5c", source, re.IGNORECASE) or ".." in path.split("/"):
        raise refused
    for place in allow:
        if "://" not in place:
            continue
        known = urlsplit(place)
        own = known.port or (443 if known.scheme == "https" else 80)
        prefix = known.path.rstrip("/")
        if (known.scheme, known.hostname, own) == (parts.scheme, parts.hostname, port) and (
            path == prefix or path.startswith(prefix + "/")
        ):
            return parts.scheme, parts.hostname, port, path + (f"?{parts.query}" if parts.query else "")
    raise refused


def fetch(
    source: str,
    target: Path,
    allow: Sequence[str],
    private: bool,
    most: int,
    seconds: float = 300.0,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Fetch an allowed address into a file: no redirects, no proxies, `most` bytes, and no private network unless `private`.

    `step` is called between pieces, and may raise to end it.

    The address that was really connected to is looked at, so a name that resolves elsewhere the second time gains nothing.
    """
    scheme, host, port, path = check_address(source, allow)
    until = time.monotonic() + seconds
    connection: http.client.HTTPConnection
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        if not private:
            for name in found:
                check_public(str(name))
        if scheme == "https":
            connection = http.client.HTTPSConnection(host, port, timeout=15, context=ssl.create_default_context())
        else:
            connection = http.client.HTTPConnection(host, port, timeout=15)
        try:
            connection.connect()
            if not private:
                check_public(str(connection.sock.getpeername()[0]))
            connection.request("GET", path, headers={"Accept": "image/*, */*", "User-Agent": "geoglot"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise NetworkError(
                    f"The address answers with {answer.status}; redirects are not followed: give the last address."
                )
            _copy(answer, target, most, until, step)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise NetworkError(f"The address cannot be read: {type(error).__name__}. Check it and the network.") from None


def _copy(answer: http.client.HTTPResponse, target: Path, most: int, until: float, step: Callable[[], None]) -> None:
    held = 0
    with target.open("wb") as file:
        while chunk := answer.read1(_CHUNK):  # what has come: `read` would wait for all of a piece, and a drip for ever
            step()
            held += len(chunk)
            if held > most:
                raise TooLarge(f"The file is larger than {most / 2**20:,.0f} MiB.", "Ask the operator to index it.")
            if time.monotonic() > until:
                raise NetworkError("The address takes too long: fetch the file yourself and upload it.")
            file.write(chunk)


def check_public(address: str) -> None:
    """Raise `Forbidden` for an address of this machine, a private network, or any other that is not of the open network.

    Of IPv6 only global unicast (RFC 4291, 2000::/3) is open, and the forms that carry an IPv4 address which is.
    """
    found = ipaddress.ip_address(address.split("%")[0])
    inner: ipaddress.IPv4Address | ipaddress.IPv6Address = found
    if isinstance(found, ipaddress.IPv6Address):
        inner = _carried(found) or found
    open_form = inner is not found or found.version == 4 or found in _UNICAST
    if not open_form or not inner.is_global or inner.is_multicast:
        raise Forbidden("The address leads to a private network.", "Upload the file, or ask the operator for --allow-private.")


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4, or behind the well-known prefix of NAT64 (RFC 6052)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
