"""`attach`: puts kernels behind any base."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.bases.adapter import Adapter
from tfrec_mt.errors import SchemaError
from tfrec_mt.models.base_model import BaseModel
from tfrec_mt.schema.features import check_domains
from tfrec_mt.schema.usable_names import why_unusable
from tfrec_mt.training.untrained_model import untrained_kernels


def attach(
    base: BaseModel,
    adapter: Adapter | str = "iak",
    topics: Mapping[str, Sequence[str]] | None = None,
    **settings: Any,
) -> AdaptedModel:
    """Attaches untrained kernels to a base; they do not change it until they are trained.

    Args:
      base: A `KerasBase`, a `SavedModelBase`, the base of a `KnowledgeTable`, or one of this
        package; it is frozen.
      adapter: What `IAK` gives, an `Adapter`, or the name of one.
      topics: Domains by topic, which is a column of the rows; by default those that the base knows.
      settings: With a name: arguments of the adapter's class, such as `rank`.

    Raises:
      SchemaError: An unknown adapter or setting, one that does not fit the base, or no domains.

    Example:
      >>> model = mt.attach(base, mt.IAK(width=50), topics={"market": ("us", "de")})
    """
    if isinstance(adapter, str):
        adapter = Adapter(adapter, settings)
    elif settings:
        raise SchemaError(f"settings belong into {adapter}, got {', '.join(settings)} beside it")
    found = base.topics if topics is None else topics
    if not found:
        raise SchemaError("topics: expected the domains of at least one topic, got none")
    named = {topic: tuple(map(str, domains)) for topic, domains in found.items()}
    for topic, domains in named.items():
        if isinstance(found[topic], str) or not domains or len({*domains}) < len(domains):
            raise SchemaError(f"topic {topic!r}: expected distinct domains, got {found[topic]!r}")
        if why := why_unusable(topic):
            raise SchemaError(f"topic {topic!r}: {why}")
        check_domains(topic, domains)
    return AdaptedModel(base, untrained_kernels(base, named, adapter.kind, adapter.settings))
