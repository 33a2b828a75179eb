"""The price source block: fetches one table of last prices, over HTTP or from a file.

A vendor's address may have a key in its query. The query is sent and never
told: httpx names the address it is given in its log and its errors, so it is
given one without, and messages leave out what an answer repeats of it.
"""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import httpx
import stamina
from prefect.blocks.core import Block
from pydantic import ConfigDict, Field, SecretStr, model_validator

from blocks.errors import PriceSourceUnavailable, PriceTableUnreadable
from blocks.gzip_pieces import inflated
from blocks.models import utc_now
from blocks.price_table import Columns, PriceTable, read_price_file, read_screener

NASDAQ_SCREENER = "https://api.nasdaq.com/api/screener/stocks?tableonly=true&download=true"

_FILE_HEADERS = {"User-Agent": "sec-filings price source", "Accept-Encoding": "gzip"}
# The screener leaves clients that do not look like a browser waiting, or answers 403.
_SCREENER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "application/json, text/plain, */*",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip",
}
_MOST_REDIRECTS = 3
_LONGEST_WAIT_S = 60.0
_SHORTEST_KEY = 8  # what is shorter, as in download=true, is a word and no secret


class PriceSource(Block):
    """A whole market's last prices: Nasdaq's stock screener, or a CSV, JSON or Parquet file.

    Holds no state beyond its settings, so threads may share one.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # a location may hold a key

    _block_type_name = "Price Source"
    _block_type_slug = "price-source"
    _description = "Where the price filter gets the last price of every listed stock."

    kind: Literal["nasdaq", "file"] = Field(
        "nasdaq",
        description="nasdaq: the keyless stock screener of nasdaq.com. file: a list of your own.",
    )
    location: str | None = Field(
        None,
        description="file: path or http(s) address of a CSV, JSON or Parquet file. nasdaq: "
        "another address of the screener. Shown in clear text: a key goes into secret_query.",
    )
    secret_query: SecretStr | None = Field(
        None,
        description="What is to stand behind the ? of the address, such as key=...: a vendor's"
        " key. Sent, and never shown.",
    )
    symbol_column: str = Field("symbol", description="file: the column of ticker symbols.")
    price_column: str = Field("price_usd", description="file: the column of US dollar prices.")
    as_of_column: str | None = Field(
        None,
        description="file: the column of ISO 8601 dates or times the prices held at; a bare "
        "date is that day's market close, a time without zone is UTC. Empty: the file's own time.",
    )
    timeout_s: float = Field(30.0, gt=0, description="Seconds one request may take in all.")
    max_bytes: int = Field(16 * 2**20, gt=0, description="Largest list that is read, in bytes.")
    attempts: int = Field(3, ge=1, le=10, description="Requests before the source is given up.")

    @model_validator(mode="after")
    def _location_can_be_asked(self) -> "PriceSource":
        if self.kind == "file" and not self.location:
            raise ValueError("location: name the price file, as a path or an http(s) address")
        if self.kind == "nasdaq" or "://" in str(self.location):
            _checked_address(self.location or NASDAQ_SCREENER)
        elif self.secret_query:
            raise ValueError("secret_query: a path has none; it belongs to an http(s) address")
        return self

    def fetch_prices(self) -> PriceTable:
        """Fetch and read the table.

        Not called ``load``, which Prefect defines on every block.

        Raises:
            PriceSourceUnavailable: no file there, or no answer after all attempts.
            PriceTableUnreadable: what came is not a price list.
        """
        if self.kind == "nasdaq":
            url = self._address(self.location or NASDAQ_SCREENER)
            with _query_untold(url):
                body, _ = self._download(url, _SCREENER_HEADERS)
                name = f"Nasdaq screener at {url.host}"
                return read_screener(body, fetched_at=utc_now(), source=name)
        location = str(self.location)
        if "://" in location:
            url = self._address(location)
            with _query_untold(url):
                body, written_at = self._download(url, _FILE_HEADERS)
                return self._table(body, written_at, source=_shown(url))
        return self._table(*self._read(Path(location).expanduser()), source=location)

    def _address(self, location: str) -> httpx.URL:
        """The address with all of its query."""
        url = httpx.URL(location)
        if not self.secret_query:
            return url
        parts = (url.query.decode("ascii"), self.secret_query.get_secret_value())
        return url.copy_with(query="&".join(filter(None, parts)).encode())

    def _table(self, body: bytes, written_at: datetime, source: str) -> PriceTable:
        columns = Columns(self.symbol_column, self.price_column, self.as_of_column or None)
        return read_price_file(body, columns, written_at=written_at, source=source)

    def _read(self, path: Path) -> tuple[bytes, datetime]:
        try:
            with path.open("rb") as file:
                body = file.read(self.max_bytes + 1)
            written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except OSError as error:
            raise PriceSourceUnavailable(
                f"The price file {path} cannot be read ({error.strerror}). "
                "Check the location of the price source.",
                subject=str(path),
            ) from error
        if len(body) > self.max_bytes:
            raise self._too_large(str(path))
        return body, written_at

    def _download(self, url: httpx.URL, headers: dict[str, str]) -> tuple[bytes, datetime]:
        retrying = stamina.RetryingCaller(attempts=self.attempts, timeout=None).on(_may_pass)
        try:
            return retrying(self._request, url, headers)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise PriceSourceUnavailable(
                f"The price source {_shown(url)} answered {status} "
                f"{error.response.reason_phrase}. {_remedy(status)}",
                subject=_shown(url),
            ) from None
        except httpx.RequestError as error:
            raise PriceSourceUnavailable(
                f"The price source {_shown(url)} did not answer in {self.attempts} attempts of "
                f"{self.timeout_s:g} s ({type(error).__name__}: {error}). "
                "Check the address and the network; the next run tries again.",
                subject=_shown(url),
            ) from None

    def _request(self, start: httpx.URL, headers: dict[str, str]) -> tuple[bytes, datetime]:
        url = start
        with httpx.Client(headers=headers, timeout=self.timeout_s) as client:
            for _ in range(_MOST_REDIRECTS + 1):
                whole = {"target": url.raw_path}  # with the query, for the server alone
                with client.stream("GET", _shown(url), extensions=whole) as response:
                    if response.next_request is None:
                        response.raise_for_status()
                        return b"".join(self._chunks(response)), _written_at(response)
                    url = response.next_request.url
                    _refuse_elsewhere(start, url)
        raise PriceSourceUnavailable(
            f"The price source {_shown(start)} redirects more than {_MOST_REDIRECTS} times. "
            "Set its location to the final address.",
            subject=_shown(start),
        )

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The body, refused once it is too large, or too slow.

        httpx times each read alone, so a server that drips could hold a run for ever.
        """
        deadline, size_bytes = time.monotonic() + self.timeout_s, 0
        for chunk in _inflated(response):
            size_bytes += len(chunk)
            if size_bytes > self.max_bytes:
                raise self._too_large(_shown(response.url))
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the body was still coming", request=response.request)
            yield chunk

    def _too_large(self, source: str) -> PriceTableUnreadable:
        return PriceTableUnreadable(
            f"{source} is larger than {self.max_bytes} bytes. "
            "Raise max_bytes of the price source, or point it to a smaller list.",
            subject=source,
        )


def _inflated(response: httpx.Response) -> Iterator[bytes]:
    """The body in pieces that are small however well it was compressed; httpx's are not."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip"}:
        raise httpx.DecodingError(f"compressed as {coding!r}, not as asked for")
    pieces = response.iter_raw()
    try:
        yield from inflated(pieces) if coding == "gzip" else pieces
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error


def _checked_address(location: str) -> httpx.URL:
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL:  # whose message may hold a part of a password
        raise ValueError(
            "location: not an address, write it like https://example.com/prices.csv"
        ) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"location: {_shown(url)} is not an http(s) address")
    if url.userinfo:
        raise ValueError("location: leave user name and password out, it is shown in clear text")
    return url


@contextmanager
def _query_untold(url: httpx.URL) -> Iterator[None]:
    """Leave the values of the address's query out of errors that quote an answer."""
    try:
        yield
    except (PriceSourceUnavailable, PriceTableUnreadable) as error:
        told = str(error)
        as_sent = (pair.split("=", 1)[-1] for pair in url.query.decode("ascii").split("&"))
        for part in (*as_sent, *url.params.values()):
            told = told.replace(part, "...") if len(part) >= _SHORTEST_KEY else told
        raise type(error)(told, subject=error.subject) from None


def _shown(url: httpx.URL) -> str:
    return str(url.copy_with(query=None, fragment=None, userinfo=b""))


def _may_pass(error: Exception) -> bool | float:
    """Whether to ask again; a number is the wait in seconds the server asked for."""
    if not isinstance(error, httpx.HTTPStatusError):
        return isinstance(error, httpx.TransportError)
    response = error.response
    if response.status_code != httpx.codes.TOO_MANY_REQUESTS and not response.is_server_error:
        return False
    wait_s = response.headers.get("Retry-After", "")
    if not wait_s.isdecimal():
        return True
    return float(wait_s) if float(wait_s) <= _LONGEST_WAIT_S else False


def _remedy(status: int) -> str:
    if status == httpx.codes.NOT_FOUND:
        return "Check the location of the price source."
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return "It refuses this client: use another source or a price file."
    return "The next run tries again; a price file does not depend on it."


def _refuse_elsewhere(start: httpx.URL, target: httpx.URL) -> None:
    """Raise unless a redirect stays on the configured server, or takes it from http to https."""
    here = (start.scheme, start.host, start.port)
    upgraded = ("https", start.host, None)
    if (target.scheme, target.host, target.port) in {here, upgraded}:
        return
    raise PriceSourceUnavailable(
        f"The price source {_shown(start)} redirects to {_shown(target)}, which is another "
        "server and was not asked. Set its location to that address if you trust it.",
        subject=_shown(start),
    )


def _written_at(response: httpx.Response) -> datetime:
    stamp = response.headers.get("Last-Modified", "")
    try:
        return parsedate_to_datetime(stamp).astimezone(UTC)
    except ValueError:
        return utc_now()
