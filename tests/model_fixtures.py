"""Fixtures of the tests that ask a model endpoint."""

from collections.abc import Iterator

import pytest
from model_endpoint import KEY, Endpoint, Make
from pydantic import SecretStr
from serving import running

from blocks.analyst import Analyst


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with running(Endpoint()) as server:
        yield server


@pytest.fixture
def make(endpoint: Endpoint) -> Iterator[Make]:
    made: list[Analyst] = []

    def analyst(**changes: object) -> Analyst:
        fields = {
            "api_key": SecretStr(KEY),
            "base_url": endpoint.url,
            "price_provider": "openai",
            "max_retries": 0,
        }
        made.append(Analyst.model_validate(fields | changes))
        return made[-1]

    yield analyst
    for one in made:
        one.close()
