"""Which scores stand for which model on which cells."""

from collections.abc import Mapping, Sequence

from tfrec_mt.errors import nearest
from tfrec_mt.evaluation.cells import ALL, MEAN, ORACLE, Cell, ScoreKey
from tfrec_mt.schema import SchemaError


class ScoredModels:
    """Which scores stand for which model in which topic.

    Args:
      keys: The sets of scores.
      topics: Domains of each topic.
      apart: Further topics, in which models are measured and not compared.

    Attributes:
      keys: As given.
      topics: As given, those apart last, preceded by the topic `all` with the domain `all`.
      apart: Names of the topics apart.

    Raises:
      SchemaError: Names that are used twice, unknown, or kept for this package's own use.
    """

    def __init__(
        self,
        keys: Sequence[ScoreKey],
        topics: Mapping[str, Sequence[str]],
        apart: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.apart = frozenset(apart or {})
        topics = {**topics, **(apart or {})}
        if not keys or len(set(keys)) != len(keys):
            raise SchemaError(f"expected distinct score keys, at least one, got {list(keys)}")
        if ALL in topics:
            raise SchemaError(f"a topic cannot be named {ALL!r}: it stands for every row")
        for topic, domains in topics.items():
            if len(set(domains)) != len(domains) or {ALL, MEAN} & set(domains):
                raise SchemaError(
                    f"topic {topic!r}: domains must be distinct and not named "
                    f"{ALL!r} or {MEAN!r}, got {tuple(domains)}"
                )
        for key in keys:
            if key.model == ORACLE:
                raise SchemaError(f"a model cannot be named {ORACLE!r}: that is the truth")
            if key.topic is not None and key.topic not in topics:
                raise SchemaError(f"{key}: unknown topic; {nearest(key.topic, topics)}")
        self.keys = tuple(keys)
        self.topics = {ALL: (ALL,), **{name: tuple(domains) for name, domains in topics.items()}}

    @property
    def models(self) -> tuple[str, ...]:
        """Model names, in the order of their first key."""
        return tuple(dict.fromkeys(key.model for key in self.keys))

    def key(self, model: str, topic: str) -> ScoreKey | None:
        """The scores that stand for `model` in `topic`, None if it was not scored there.

        Raises:
          SchemaError: Unknown model.
        """
        if model == ORACLE:
            return ScoreKey(ORACLE)
        if model not in self.models:
            raise SchemaError(f"no scores of model {model!r}; {nearest(model, self.models)}")
        for key in (ScoreKey(model, topic), ScoreKey(model)):
            if key in self.keys:
                return key
        return None

    def topics_of(self, key: ScoreKey) -> tuple[str, ...]:
        """The topics in which `key` stands for its model."""
        return tuple(topic for topic in self.topics if self.key(key.model, topic) == key)

    def cells(self, model: str) -> tuple[Cell, ...]:
        """The cells of `model`, every row first."""
        return tuple(
            Cell(topic, domain)
            for topic, domains in self.topics.items()
            if self.key(model, topic)
            for domain in domains
        )
