"""`RatingFactors`: matrix factorisation of ratings by alternating least squares."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

# Numbers in one padded block of rows, so that memory is bounded.
_BLOCK_NUMBERS = 1 << 23


@dataclass(frozen=True, kw_only=True)
class FactorSettings:
    """Settings of a factorisation.

    Args:
      width: Width `D` of the vector of a user or item.
      taste_penalty: Weight of the squared vectors against one squared error.
      bias_penalty: The same for the biases.
      sweeps: Number of times that all items and then all users are solved for.
      seed: Seed of the first vectors.
    """

    width: int = 16
    taste_penalty: float = 16.0
    bias_penalty: float = 3.0
    sweeps: int = 12
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 1 or self.sweeps < 1:
            raise ValueError(
                f"width and sweeps must be at least 1, got {self.width} and {self.sweeps}"
            )
        if not (self.taste_penalty > 0 and self.bias_penalty > 0):
            raise ValueError(
                "penalties must be positive, as a user may have fewer ratings than numbers; got "
                f"{self.taste_penalty} and {self.bias_penalty}"
            )


class RatingFactors:
    """Biased matrix factorisation: `rating = mean + b_u + b_i + p_u . q_i`.

    Users and items are solved for in turn, each id exactly and from all of its ratings at once. An
    id without ratings has bias and vector 0.

    Args:
      users, items: Codes from 0, `[n]`.
      ratings: `[n]`, in any unit.
      n_users, n_items: Numbers of codes.
      settings: See `FactorSettings`.

    Raises:
      ValueError: No ratings.

    Reference:
      Koren, Bell and Volinsky 2009, Matrix Factorization Techniques for Recommender Systems,
      equation 5.
    """

    def __init__(
        self,
        users: Ints,
        items: Ints,
        ratings: Floats,
        n_users: int,
        n_items: int,
        settings: FactorSettings | None = None,
    ) -> None:
        if not len(ratings):
            raise ValueError("expected ratings to factorise, got none")
        settings = settings or FactorSettings()
        rng = np.random.default_rng(settings.seed)
        width = settings.width
        self.mean = float(ratings.mean(dtype=np.float64))
        self.user_tastes = rng.normal(0, 0.1, (n_users, width)).astype(np.float32)
        self.item_tastes = np.zeros((n_items, width), np.float32)
        self.user_biases = np.zeros(n_users, np.float32)
        self.item_biases = np.zeros(n_items, np.float32)
        penalties = np.full(width + 1, settings.taste_penalty, np.float32)
        penalties[-1] = settings.bias_penalty
        targets = (ratings - self.mean).astype(np.float32)
        by_item, by_user = _Grouped(items, n_items), _Grouped(users, n_users)
        for _ in range(settings.sweeps):
            self.item_tastes, self.item_biases = by_item.solve(
                self.user_tastes, users, targets - self.user_biases[users], penalties
            )
            self.user_tastes, self.user_biases = by_user.solve(
                self.item_tastes, items, targets - self.item_biases[items], penalties
            )

    def rating(self, users: Ints, items: Ints) -> Floats:
        """Expected ratings `[n]` of users and items `[n]`."""
        tastes = np.einsum("nd,nd->n", self.user_tastes[users], self.item_tastes[items])
        return tastes + self.user_biases[users] + self.item_biases[items] + np.float32(self.mean)


class _Grouped:
    """Ratings grouped by the ids of one side, for all of which it solves."""

    def __init__(self, ids: Ints, n_ids: int) -> None:
        self._order = np.argsort(ids, kind="stable")
        self._counts = np.bincount(ids, minlength=n_ids)
        self._starts = np.cumsum(self._counts) - self._counts

    def solve(
        self, tastes: Floats, others: Ints, targets: Floats, penalties: Floats
    ) -> tuple[Floats, Floats]:
        """Ridge regressions of targets on tastes and a bias: `[n_ids, D]` and `[n_ids]`."""
        size = len(penalties)
        found = np.zeros((len(self._counts), size), np.float32)
        # one more column for the bias, one more row for padding
        inputs = np.pad(tastes, ((0, 1), (0, 1)), constant_values=1)
        inputs[-1] = 0
        sources = np.append(others[self._order], len(tastes))
        wanted = np.append(targets[self._order], np.float32(0))
        for ids in self._blocks(size):
            places = np.arange(self._counts[ids].max())
            held = places < self._counts[ids, None]
            rows = np.where(held, self._starts[ids, None] + places, len(sources) - 1)
            # [ids, ratings, D + 1]
            x = inputs[sources[rows]]
            moments = x.transpose(0, 2, 1) @ x + np.diag(penalties)
            products = x.transpose(0, 2, 1) @ wanted[rows][..., None]
            found[ids] = np.linalg.solve(moments, products)[..., 0]
        return found[:, :-1], found[:, -1]

    def _blocks(self, size: int) -> Iterator[Ints]:
        """Yields blocks of ids with ratings, those with similar counts together."""
        by_count = np.argsort(-self._counts, kind="stable")
        by_count = by_count[: np.count_nonzero(self._counts)]
        while len(by_count):
            width = self._counts[by_count[0]] * size
            taken = max(1, int(_BLOCK_NUMBERS // width))
            yield by_count[:taken]
            by_count = by_count[taken:]
