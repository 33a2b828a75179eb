"""Questions about fictional filings, to be asked in batches."""

from pydantic import SecretStr

from blocks.analyst import Analyst
from blocks.model_batch_values import Batch
from blocks.model_batches import ModelBatches
from blocks.models import Excerpt, Filing, FoundBy, Party, Question

KEY = "sk-very-secret"
FINGERPRINT = "0123456789abcdef"
NAME = "batch 2025-12-11"
ACCESSIONS = tuple(f"0009900001-25-{number:06d}" for number in range(1, 6))


def question(accession: str) -> Question:
    filing = Filing(
        accession=accession,
        form="8-K",
        parties=(Party(cik=1, name="Example Corp", role="Filer"),),
        found_by=FoundBy.INDEX,
    )
    text = f"Under number {accession} the Company received a notice of default."
    return Question(
        filing=filing,
        excerpt=Excerpt(text=text, parts=("8-K",), tokens=30, shortened=False),
    )


QUESTIONS = {accession: question(accession) for accession in ACCESSIONS}


def analyst_at(url: str, **changes: object) -> Analyst:
    fields = {
        "api_key": SecretStr(KEY),
        "base_url": url,
        "price_provider": "openai",
        "max_retries": 0,
        "timeout_s": 10,
    }
    return Analyst.model_validate(fields | changes)


def submit(
    batches: ModelBatches,
    *accessions: str,
    fingerprint: str = FINGERPRINT,
    metadata: dict[str, str] | None = None,
) -> Batch:
    asked = [QUESTIONS[accession] for accession in accessions or ACCESSIONS]
    return batches.submit(asked, fingerprint=fingerprint, name=NAME, metadata=metadata)
