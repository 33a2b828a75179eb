"""The little of Prefect's HTTP API that a person uses in the UI: start, watch, retry, read."""

import json
import time
from typing import Any, Self

import httpx
import stamina

_FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def _is_busy(error: Exception) -> bool:
    """Prefect answers 503 while its SQLite database is locked; its own clients ask again."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code == 503  # noqa: PLR2004


class PrefectApi:
    """A client of one Prefect server, by its API address; a context manager."""

    def __init__(self, api_url: str) -> None:
        self._http = httpx.Client(base_url=api_url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def deployment(self, name: str) -> dict[str, Any]:
        """A deployment by ``flow/deployment``."""
        return self.get(f"/deployments/name/{name}")

    def pause(self, name: str) -> None:
        """Stop a deployment's schedule; runs started by hand still go."""
        url = f"/deployments/{self.deployment(name)['id']}"
        self._ask("PATCH", url, {"paused": True})

    def start(self, name: str, parameters: dict[str, Any]) -> str:
        """Start a run of a deployment, as the UI's button does; its id."""
        url = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        return str(self.post(url, {"parameters": parameters})["id"])

    def retry(self, run_id: str) -> None:
        """Retry a run that has ended, as the UI's button does."""
        scheduled = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
        self.post(f"/flow_runs/{run_id}/set_state", {"state": scheduled})

    def wait(self, run_id: str, limit_s: float = 180) -> dict[str, Any]:
        """Wait until a run has ended; the run as the API gives it.

        Raises:
            TimeoutError: it has not ended within ``limit_s``.
        """
        deadline = time.monotonic() + limit_s
        while (run := self.get(f"/flow_runs/{run_id}"))["state_type"] not in _FINAL:
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run_id} is {run['state_name']} after {limit_s:g} s")
            time.sleep(0.5)
        return run

    def artifacts(self, run_id: str) -> dict[str, Any]:
        """A run's artifacts: data by key, tables as lists of rows.

        Without the nameless ones, which Prefect makes of persisted results.
        """
        found = self.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {one["key"]: _data(one) for one in found if one["key"]}

    def task_runs(self, run_id: str) -> list[dict[str, Any]]:
        """A run's task runs, of all its attempts."""
        runs: list[dict[str, Any]] = self.post(
            "/task_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}}
        )
        return runs

    def get(self, path: str) -> dict[str, Any]:
        """One object, by its path below the API address."""
        body: dict[str, Any] = self._ask("GET", path).json()
        return body

    def post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever JSON comes
        """The answer to a question asked by POST, as Prefect's filters are."""
        return self._ask("POST", path, body).json()

    @stamina.retry(on=_is_busy, attempts=8, timeout=30)
    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._http.request(method, path, json=body).raise_for_status()


def _data(artifact: dict[str, Any]) -> Any:  # noqa: ANN401 - markdown text or table rows
    if artifact["type"] == "table" and isinstance(artifact["data"], str):
        return json.loads(artifact["data"])
    return artifact["data"]
