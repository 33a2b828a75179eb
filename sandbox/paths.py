"""The addresses that the stand-in knows: sec.gov's, and a price vendor's."""

import re

FEED = "/cgi-bin/browse-edgar"
TICKERS = "/files/company_tickers.json"
PRICES = "/prices.csv"

_QUARTER = r"(?P<year>\d{4})/QTR(?P<quarter>[1-4])"
_FILED = r"/Archives/edgar/data/(?P<cik>\d+)/"
_ACCESSION = r"(?P<accession>\d{10}-\d{2}-\d{6})"

DAILY_INDEX = re.compile(rf"/Archives/edgar/daily-index/{_QUARTER}/master\.(?P<day>\d{{8}})\.idx")
QUARTERLY_MASTER = re.compile(rf"/Archives/edgar/full-index/{_QUARTER}/master\.idx")
SUBMISSION = re.compile(rf"{_FILED}(?:\d{{18}}/)?{_ACCESSION}\.txt")
PAGE = re.compile(rf"{_FILED}\d{{18}}/{_ACCESSION}-index\.html?")
