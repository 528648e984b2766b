"""The site of a running system, as commands beside it ask its registry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fencewatch.entrance import fit
from pipeline.errors import InputError, SiteError
from pipeline.registry.registry import REGISTRY, Registry
from pipeline.sites.documents import POLICY
from pipeline.sites.findings import Findings
from pipeline.sites.load import site_of
from pipeline.sites.policy import Policy
from pipeline.sites.policy_file import parse_policy
from pipeline.sites.records import Site
from pipeline.upkeep.store import Store


@contextmanager
def kept_registry(data: Path) -> Iterator[Registry | None]:
    """The registry of a data directory; None where it holds no site. Nothing is made."""
    if not (data / REGISTRY).exists():
        yield None
        return
    fit(data, Store.REGISTRY)
    registry = Registry.open(data / REGISTRY)
    try:
        yield registry if registry.is_begun else None
    finally:
        registry.close()


def kept_site(data: Path) -> Site:
    """The whole site as it is now. Raises InputError where the data directory holds none."""
    with kept_registry(data) as registry:
        if registry is None:
            raise InputError(
                f"{data}: holds no site; expected a site's directory, or `fencewatch site import`"
            )
        documents = registry.documents
    findings = Findings()
    site = site_of(documents, findings)
    if site is None:
        raise SiteError(findings.faults)
    return site


def kept_policy(registry: Registry) -> Policy:
    """The policy of policy.toml, in whose time zone commands write times."""
    return parse_policy(POLICY, registry.policy, Findings()) or Policy()


def kept_names(registry: Registry) -> set[str]:
    """What everybody who is or was in the site is called."""
    return {row["name"] for row in registry.documents.rows["people"]}
