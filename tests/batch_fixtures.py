"""Fixtures of the tests that ask the stand-in model in batches."""

from collections.abc import Iterator

import pytest
from batch_questions import analyst_at

from blocks.analyst import Analyst
from blocks.model_batches import ModelBatches
from sandbox.model import StandInModel


@pytest.fixture
def model() -> Iterator[StandInModel]:
    with StandInModel(cached_tokens=7) as running:
        yield running


@pytest.fixture
def analyst(model: StandInModel) -> Iterator[Analyst]:
    asking = analyst_at(model.url)
    yield asking
    asking.close()


@pytest.fixture
def batches(analyst: Analyst) -> Iterator[ModelBatches]:
    with analyst.batches() as opened:
        yield opened
