"""`borrow_kernel`: a kernel for a domain that has few rows or none."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfrec_mt.adapters.adapted_model import AdaptedModel
from tfrec_mt.adapters.domain_kernels import DomainKernels
from tfrec_mt.adapters.kernel_store import hashes_of_kernels
from tfrec_mt.configs import FineTuneConfig
from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.reading.batch import Batch
from tfrec_mt.data.reading.reader import shuffled_rows
from tfrec_mt.errors import SchemaError
from tfrec_mt.jobs.kernel_run import kernel_run
from tfrec_mt.jobs.opened import Folder, Log, open_model, run_of
from tfrec_mt.training.borrowed_kernel import Borrowed, borrowed_kernel
from tfrec_mt.training.progress import say
from tfrec_mt.training.run_folder import kernel_folder

_MOST_OTHERS = 1 << 16


def borrow_kernel(
    kernels: AdaptedModel | Folder,
    domain: str,
    output: Folder,
    log: Log | Folder | None = None,
    *,
    donors: Sequence[str] = (),
    parts: Sequence[str] = FineTuneConfig.parts,
    certainty: float = FineTuneConfig.certainty,
) -> AdaptedModel:
    """Gives a domain with few rows, or none, a kernel made of those of other domains.

    The kernel is close to a weighted sum of theirs. Without rows of the domain the weights are
    equal, and as large as is best where each donor is served by the others; the domain's rows
    change them. If the sum is not certainly better than the base, the kernel is zero, which is the
    base.

    Args:
      kernels: What `fine_tune` gave, or its run folder.
      domain: `TOPIC/DOMAIN`, a domain of the log; a kernel that it has is replaced.
      output: Run folder to make, with all kernels and the new one.
      log: Prepared data that the base reads; by default that of the kernels.
      donors: Domains to borrow from, by default all others of the topic. Without rows of the domain
        their kernels are used in equal parts, without a proof.
      parts: Parts whose rows are read.
      certainty: Standard errors, over users, that the gain over the base must exceed.

    Returns:
      Base and kernels as one Keras model.

    Raises:
      DataError: There is no such data or part.
      RunFolderError: The output holds a finished run.
      SchemaError: There is no such topic, domain or donor, or kernels of this kind cannot be
        summed.

    Example:
      >>> model = mt.borrow_kernel("runs/shop/kernels", "market/us", "runs/shop/borrowed")
    """
    source, run = run_of(kernels, "kernels"), Path(output)
    opened = open_model(source, log)
    topic, slash, name = domain.partition("/")
    if not slash:
        raise SchemaError(f"domain={domain!r}: expected TOPIC/DOMAIN, such as market/us")
    if not isinstance(opened.log, PreparedDataset):
        raise SchemaError("kernels are borrowed on click logs only")
    model = AdaptedModel(opened.base, opened.kernels)
    rows = _rows(opened.log, parts, topic, name)
    found = borrowed_kernel(model, topic, name, rows, tuple(donors), certainty)
    settings = {
        "borrowed": {domain: dict(found.shares)},
        "borrowed_from": str(source),
        "borrowed_kernels": hashes_of_kernels(kernel_folder(source)),
    }
    layers = [
        _with_domain(layer, name, found) if layer.topic == topic else layer
        for layer in model.kernels
    ]
    borrowed = kernel_run(run, source, opened.base, opened.log, layers, settings)
    say(f"borrow-kernel: {found.told(topic, name)}")
    return borrowed


def _rows(log: PreparedDataset, parts: Sequence[str], topic: str, domain: str) -> Iterator[Batch]:
    """Rows in random order: all of the domain, and of others as many as are needed."""
    domains = {of.name: of.domains for of in log.schema.topics}.get(topic, ())
    code = 1 + domains.index(domain) if domain in domains else -1
    others = 0
    for batch in shuffled_rows(log, parts):
        chosen = batch.features[topic] == code if topic in batch.features else np.zeros(0, bool)
        if others >= _MOST_OTHERS:
            batch = batch.only(chosen)
        others += int((~chosen).sum())
        if len(batch.keys["user"]):
            yield batch


def _with_domain(layer: DomainKernels, name: str, found: Borrowed) -> DomainKernels:
    """A topic's kernels with one more, or another one for a domain that has one."""
    domains = tuple(dict.fromkeys([*layer.domains, name]))
    left_out = ("domains", "memory", "seen_widths")
    config = {key: value for key, value in layer.get_config().items() if key not in left_out}
    grown: DomainKernels = type(layer)(**config, domains=domains)
    for domain in layer.domains:
        grown.set_kernel(domain, layer.kernel(domain))
    grown.set_kernel(name, {key: np.asarray(value) for key, value in found.weights.items()})
    if layer.memory is not None and found.memory is not None:
        grown.memory = layer.memory.followed_by(found.memory).chosen(
            [len(layer.domains) if d == name else layer.domains.index(d) for d in domains]
        )
    return grown
