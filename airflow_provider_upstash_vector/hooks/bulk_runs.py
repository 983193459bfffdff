"""The methods of the hook that start a run: bulk and selected writes, checks, exports and copies."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_upstash_vector.client.credentials import Credentials
from airflow_provider_upstash_vector.client.filters import Filter
from airflow_provider_upstash_vector.client.validation import IdLike
from airflow_provider_upstash_vector.hooks.bulk_methods import completed_on_use
from airflow_provider_upstash_vector.hooks.connection_settings import ConnectionSettings, naming_connection
from airflow_provider_upstash_vector.hooks.object_storage import object_paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from airflow_provider_upstash_vector.bulk import (
        BulkReport,
        CancelToken,
        CheckpointStore,
        ExportReport,
        FileCheckpoint,
        SyncReport,
        UpdateWhereReport,
    )
    from airflow_provider_upstash_vector.bulk.api import (
        BulkCopyArguments,
        BulkDeleteArguments,
        BulkSyncArguments,
        BulkUpdateArguments,
        BulkUpdateWhereArguments,
        BulkUpsertArguments,
    )
    from airflow_provider_upstash_vector.bulk.checking import Check, CheckReport
    from airflow_provider_upstash_vector.bulk.starting import PathLike


class BulkRunsMixin(BaseHook):
    """Runs on the connection of the hook."""

    upstash_vector_conn_id: str
    _cancel_token: CancelToken | None

    @property
    @abstractmethod
    def settings(self) -> ConnectionSettings:
        """The settings of the connection."""

    @property
    @abstractmethod
    def credentials(self) -> Credentials:
        """The endpoint of the connection."""

    @abstractmethod
    def resolve_namespace(self, namespace: str | None) -> str:
        """Return ``namespace``, or the connection's if it is ``None``."""

    @completed_on_use
    def bulk_update(
        self,
        rows: object,
        *,
        namespace: str | None = None,
        missing_path: PathLike | None = None,
        **arguments: Unpack[BulkUpdateArguments],
    ) -> BulkReport:
        """Send an update for each row, many at a time; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.update`. Paths may be URIs of
        any object store that Airflow supports. Rows without a namespace go to ``namespace``, or the connection's.
        """
        report: BulkReport = self._run_bulk("update", rows, namespace, {"missing_path": missing_path, **arguments})
        return report

    @completed_on_use
    def bulk_upsert(
        self, rows: object, *, namespace: str | None = None, **arguments: Unpack[BulkUpsertArguments]
    ) -> BulkReport:
        """Write a whole vector for each row, up to 1,000 in a request; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.upsert`. Paths may be URIs of
        any object store that Airflow supports. Rows without a namespace go to ``namespace``, or the connection's.
        """
        report: BulkReport = self._run_bulk("upsert", rows, namespace, arguments)
        return report

    @completed_on_use
    def sync(
        self,
        rows: object,
        *,
        namespace: str | None = None,
        plan_path: PathLike | None = None,
        **arguments: Unpack[BulkSyncArguments],
    ) -> SyncReport:
        """Make the vectors of a namespace, or of a prefix in it, those of the rows; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.sync`. Paths may be URIs of
        any object store that Airflow supports. The namespace is ``namespace``, or the connection's.
        """
        report: SyncReport = self._run_bulk("sync", rows, namespace, {"plan_path": plan_path, **arguments})
        return report

    @completed_on_use
    def bulk_update_where(
        self,
        *,
        where: Filter,
        metadata: Mapping[str, Any],
        namespace: str | None = None,
        **arguments: Unpack[BulkUpdateWhereArguments],
    ) -> UpdateWhereReport:
        """Change the metadata of all vectors that match a filter; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.update_where`. Paths may be
        URIs of any object store that Airflow supports.
        """
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - as below

        given = self._run_defaults(arguments)
        with naming_connection(self.upstash_vector_conn_id):
            return bulk.update_where(
                self.credentials,
                where=where,
                metadata=metadata,
                namespace=self.resolve_namespace(namespace),
                **given,
            )

    def check(
        self,
        checks: Sequence[Check],
        *,
        namespace: str | None = None,
        baseline: str | None = None,
        sample: int = 1_000,
        seed: int = 0,
    ) -> CheckReport:
        """Run checks of a namespace; return the report, also if checks failed.

        Errors are those of :func:`airflow_provider_upstash_vector.bulk.checking.check`. Files of checks may be in
        any object store that Airflow supports.

        :param checks: the checks, in the order of the report.
        :param namespace: the namespace, by default that of the connection; an empty text for the default one.
        :param baseline: a namespace of the same index to compare with.
        :param sample: the number of vectors to read, up to 10,000.
        :param seed: another one selects other vectors.
        """
        from airflow_provider_upstash_vector.bulk import checking  # noqa: PLC0415 - as below

        settings = self.settings
        with naming_connection(self.upstash_vector_conn_id):
            return checking.check(
                self.credentials,
                checks=checks,
                namespace=self.resolve_namespace(namespace),
                baseline=baseline,
                sample=sample,
                seed=seed,
                policy=settings.policy,
                cancel_token=self._cancel_token,
                find_paths=object_paths,
            )

    @completed_on_use
    def bulk_delete(
        self, rows: object, *, namespace: str | None = None, **arguments: Unpack[BulkDeleteArguments]
    ) -> BulkReport:
        """Delete the vector of each row, up to 1,000 in a request; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.delete`. Paths may be URIs of
        any object store that Airflow supports. Rows without a namespace are of ``namespace``, or the connection's.
        """
        report: BulkReport = self._run_bulk("delete", rows, namespace, arguments)
        return report

    def delete_selected(
        self,
        *,
        max_delete: int | None,
        ids: IdLike | Iterable[IdLike] | None = None,
        prefix: str | None = None,
        filter: str | Filter | None = None,
        namespace: str | None = None,
    ) -> BulkReport:
        """Delete the vectors that ids, a prefix or a filter select, unless they are too many; return the report.

        Errors are those of :func:`airflow_provider_upstash_vector.bulk.delete_selected`.

        :param max_delete: the number that may be deleted; ``None`` leaves the selection to the service.
        :param ids: an id, or ids in a list or another iterable.
        :param prefix: what the ids begin with.
        :param filter: a filter expression; with ``max_delete`` it must be built with ``Field``.
        :param namespace: the namespace, by default that of the connection; an empty text for the default one.
        """
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - as below

        with naming_connection(self.upstash_vector_conn_id):
            return bulk.delete_selected(
                self.credentials,
                max_delete=max_delete,
                ids=ids,
                prefix=prefix,
                filter=filter,
                namespace=self.resolve_namespace(namespace),
                policy=self.settings.policy,
                cancel_token=self._cancel_token,
                log=self.log,
            )

    @completed_on_use
    def export(self, path: PathLike, **arguments: Any) -> ExportReport:
        """Write all vectors of namespaces to files, from which ``bulk_upsert`` restores them; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.export`. The path may be a
        URI of any object store that Airflow supports. By default all namespaces are exported, not only that of the
        connection.
        """
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - as below

        defaults = self._run_defaults(arguments)  # whose errors name the connection
        with naming_connection(self.upstash_vector_conn_id):
            report: ExportReport = bulk.export(path, self.credentials, **defaults)
        return report

    def _run_bulk(self, operation: str, rows: object, namespace: str | None, arguments: Mapping[str, Any]) -> Any:
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - most tasks do not need it

        given = self._run_defaults(arguments)  # whose errors name the connection
        with naming_connection(self.upstash_vector_conn_id):
            return getattr(bulk, operation)(
                rows, self.credentials, namespace=self.resolve_namespace(namespace), **given
            )

    @completed_on_use
    def bulk_copy(
        self,
        source: BulkRunsMixin,
        *,
        namespace: str | None = None,
        target_namespace: str | None = None,
        **arguments: Unpack[BulkCopyArguments],
    ) -> BulkReport:
        """Upsert the vectors of a namespace of ``source``, another hook, to one of this hook; return the report.

        Arguments and errors are those of :func:`airflow_provider_upstash_vector.bulk.copy`. Namespaces are by
        default those of the two connections.
        """
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - as above

        given = self._run_defaults(arguments)
        policy = source.settings.policy
        with naming_connection(self.upstash_vector_conn_id):
            return bulk.copy(
                source.credentials,
                self.credentials,
                namespace=source.resolve_namespace(namespace),
                target_namespace=self.resolve_namespace(target_namespace),
                source_policy=policy,
                **given,
            )

    def _run_defaults(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a run, by default with the connection's policy and Airflow's object stores."""
        defaults = {"policy": self.settings.policy, "find_paths": object_paths, "log": self.log}
        given = {name: value for name, value in arguments.items() if value is not None or name not in defaults}
        return {**defaults, **given}

    @staticmethod
    def open_checkpoint(path: PathLike, owner: str) -> FileCheckpoint:
        """Return the checkpoint at a path or URI, which a retry of ``owner``, a task instance, may take over."""
        from airflow_provider_upstash_vector.bulk.starting import open_checkpoint  # noqa: PLC0415 - as above

        return open_checkpoint(path, object_paths, owner=owner)

    @staticmethod
    def forget_checkpoint(checkpoint: PathLike | CheckpointStore) -> None:
        """Delete the checkpoint of a bulk run that ended with ``keep_checkpoint``."""
        from airflow_provider_upstash_vector import bulk  # noqa: PLC0415 - as above

        bulk.forget(checkpoint, object_paths)
