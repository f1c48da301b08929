"""The same work on many recordings at once: on this computer's processors, or on a Dask cluster."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vibtrain.recordings import DataError

Item = TypeVar("Item")
Result = TypeVar("Result")

BACKENDS = ("threads", "processes", "dask")
CONNECT_S = 10


@dataclass(frozen=True)
class Workers:
    """Who does the work. Results never depend on it.

    Attributes:
        backend: one of BACKENDS. Threads share this process; reading text, Python holds them up, and processes are
            faster where recordings are many and large. Dask's workers need this package, and the recordings under the
            same paths.
        jobs: how many recordings at a time; None: as many as there are processors, or as the cluster takes.
        scheduler: address of the Dask scheduler.
    """

    backend: str = "threads"
    jobs: int | None = None
    scheduler: str = ""

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise DataError(f"backend {self.backend!r}; accepted: {', '.join(BACKENDS)}")
        if self.jobs is not None and self.jobs < 1:
            raise DataError(f"jobs {self.jobs}; accepted: 1 or more")
        if (self.backend == "dask") != bool(self.scheduler):
            raise DataError(
                f"backend {self.backend} with scheduler {self.scheduler!r}; accepted: both, as in "
                "--backend dask --scheduler tcp://127.0.0.1:8786, or neither"
            )


HERE = Workers()


def each(work: Callable[[Item], Result], items: Sequence[Item], workers: Workers) -> Iterator[Result]:
    """`work` of every item, in order, as they become ready. Raises what `work` does, and `DataError` where the
    cluster cannot be had."""
    import joblib

    with _configured(workers):
        run = joblib.Parallel(n_jobs=_jobs(workers, len(items)), return_as="generator")
        yield from run(joblib.delayed(work)(item) for item in items)


def _jobs(workers: Workers, items: int) -> int:
    if workers.jobs is None and workers.backend == "dask":
        return -1
    return max(1, min(workers.jobs or os.cpu_count() or 1, items))


@contextlib.contextmanager
def _configured(workers: Workers) -> Iterator[None]:
    import joblib

    if workers.backend != "dask":
        with joblib.parallel_config(backend={"threads": "threading", "processes": "loky"}[workers.backend]):
            yield
        return
    with _client(workers.scheduler) as client, joblib.parallel_config(backend="dask", client=client):
        yield


def _client(scheduler: str) -> Any:
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise DataError(
            "backend dask needs distributed, which is not installed; install it: pip install 'vibnode[dask]'"
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"scheduler {scheduler!r}: {error}; accepted: the address of a Dask scheduler, as tcp://127.0.0.1:8786"
        ) from None
    if not client.scheduler_info()["workers"]:
        client.close()
        raise DataError(f"scheduler {scheduler}: has no workers; accepted: one at least")
    return client
