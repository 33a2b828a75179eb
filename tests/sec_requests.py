"""How the tests of the stand-in sec.gov ask it, and read its feed."""

import re

AGENT = {"User-Agent": "Sandbox tests (tester@example.com)"}


def feed_path(start: int = 0, count: int = 100, form: str = "") -> str:
    return (
        f"/cgi-bin/browse-edgar?action=getcurrent&type={form}&company=&dateb=&owner=include"
        f"&start={start}&count={count}&output=atom"
    )


def accessions(body: bytes) -> list[str]:
    """The accession number of every entry of a feed page."""
    return re.findall(r"accession-number=(\S+)</id>", body.decode("latin-1"))
