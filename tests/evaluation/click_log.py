"""A small generated click log with known truth, scored by several models."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfrec_mt.evaluation.cells import Cell, ScoreKey
from tfrec_mt.evaluation.cluster_bootstrap import ClusterBootstrap
from tfrec_mt.evaluation.evaluator import Evaluator

TASKS = ("ctr", "ctcvr")
TOPICS = {"scene": ("home", "work"), "period": ("noon", "evening", "night")}


@dataclass
class ClickLog:
    """Rows, and the probabilities that models give them.

    `domains` are codes; row r's cell is told by `inside`.
    """

    users: NDArray[np.int64]
    requests: NDArray[np.int64]
    domains: dict[str, NDArray[np.int32]]
    labels: dict[str, NDArray[np.bool_]]
    truth: dict[str, NDArray[np.float32]]
    scores: dict[ScoreKey, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    def inside(self, cell: Cell) -> NDArray[np.bool_]:
        """Which rows `[B]` are in the cell."""
        if cell.topic == "all":
            return np.ones(self.users.size, bool)
        code = TOPICS[cell.topic].index(cell.domain) + 1
        return np.equal(self.domains[cell.topic], code)

    def evaluator(self, **options: object) -> Evaluator:
        """An evaluator for these scores that has seen no rows."""
        options = {"bootstrap": ClusterBootstrap(50, 200), **options}
        return Evaluator(list(self.scores), TASKS, TOPICS, truth=TASKS, requests=True, **options)  # type: ignore[arg-type]

    def feed(self, evaluator: Evaluator, batch: int) -> Evaluator:
        """Gives the rows to the evaluator in batches."""
        for start in range(0, self.users.size, batch):
            rows = slice(start, start + batch)
            evaluator.update(
                {key: {t: s[rows] for t, s in of.items()} for key, of in self.scores.items()},
                labels={task: values[rows] for task, values in self.labels.items()},
                domains={topic: codes[rows] for topic, codes in self.domains.items()},
                users=self.users[rows],
                requests=self.requests[rows],
                truth={task: values[rows] for task, values in self.truth.items()},
            )
        return evaluator


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float32]:
    """Probabilities of logits."""
    return (1 / (1 + np.exp(-x))).astype(np.float32)


def click_log(rows: int, users: int, seed: int, rate: float = -1.5) -> ClickLog:
    """Rows of users who differ in taste; models see the true logit with more or less noise."""
    rng = np.random.default_rng(seed)
    # One request of four rows after the other, each of one user.
    requests = np.arange(rows) // 4
    user = rng.integers(0, users, requests[-1] + 1)[requests]
    logit = rate + rng.normal(size=users)[user] + 0.8 * rng.normal(size=rows)
    buys = sigmoid(rng.normal(size=rows))
    truth = {"ctr": sigmoid(logit)}
    truth["ctcvr"] = truth["ctr"] * buys
    click = rng.random(rows) < truth["ctr"]
    log = ClickLog(
        users=user * 1_000_003 - 5,
        requests=rng.permutation(requests[-1] + 1)[requests],
        domains={
            topic: rng.integers(0, len(domains) + 1, rows).astype(np.int32)
            for topic, domains in TOPICS.items()
        },
        labels={"ctr": click, "ctcvr": click & (rng.random(rows) < buys)},
        truth=truth,
    )
    for model, noise in {"zero_shot": 0.8, "adapted": 0.4, "popularity": 3.0}.items():
        click_score = sigmoid(logit + noise * rng.normal(size=rows))
        log.scores[ScoreKey(model)] = {"ctr": click_score, "ctcvr": click_score * buys}
    return log
