"""The file of a plan, on this machine's disk or in an object store."""

from __future__ import annotations

from airflow_provider_upstash_vector.bulk.sources import InvalidRows
from airflow_provider_upstash_vector.bulk.sources.own_files import OwnFile
from airflow_provider_upstash_vector.bulk.sources.paths import OpenablePath
from airflow_provider_upstash_vector.bulk.syncing.plan import Plan
from airflow_provider_upstash_vector.bulk.tracking.checkpoint import FileCheckpoint
from airflow_provider_upstash_vector.bulk.tracking.writing import writing


class PlanFile:
    """A plan in a file, which is replaced as a whole."""

    def __init__(self, path: OpenablePath) -> None:
        self._path = path
        self._file = FileCheckpoint(path)

    def __str__(self) -> str:
        return str(self._path)

    def own_files(self) -> list[OwnFile]:
        """Return the files that the run writes."""
        return [OwnFile("plan_path", self._path)]

    def load(self) -> Plan | None:
        """Return the plan, ``None`` if there is no file. Raises :class:`InvalidRows` for another file."""
        with writing("plan_file", f"the plan {self} cannot be read"):
            state = self._file.load()
        plan = None if state is None else Plan.from_dict(state)
        if state is not None and plan is None:
            raise InvalidRows(f"{self} exists and is not the plan of a sync; set plan_path to another path")
        return plan

    def save(self, plan: Plan) -> None:
        """Replace the plan. Raises :class:`~.writing.WriteFailed`."""
        with writing("plan_file", f"the plan {self} cannot be written"):
            self._file.save(plan.to_dict())
