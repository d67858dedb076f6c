"""Rows sorted by domain, so that each kernel multiplies one slice of them."""

from typing import Any, NamedTuple

import tensorflow as tf


class DomainSlices(NamedTuple):
    """The rows of a batch that have a kernel, in the order of their domains.

    For training, where few kernels see many rows: weights are used where they lie, one product per
    kernel, while `DomainGroups` copies them for every block of rows, and adds up as many gradients.
    Where a row's result must not depend by a bit on the rest of its batch, use `DomainGroups`.

    Attributes:
      order: The rows with a kernel, `[R]`, by domain.
      counts: Rows of each domain, `[N]`.
      place: 1 at the domain of each of these rows, `[R, N]`; a product with it takes and, passing
        back, adds up what belongs to a domain faster than a gather does.
      size: Rows of the batch `B`.
    """

    order: Any
    counts: Any
    place: Any
    size: Any

    @classmethod
    def of(cls, domains: Any, count: int) -> "DomainSlices":
        """Sorts rows by code.

        Args:
          domains: `[B]` codes, 0 for none.
          count: Number of domains `N`; codes are at most N.
        """
        order = tf.argsort(domains, stable=True)
        counts = tf.math.bincount(domains, minlength=count + 1, maxlength=count + 1)
        order = order[counts[0] :]
        place = tf.one_hot(tf.gather(domains, order) - 1, count)
        return cls(order, counts[1:], place, tf.size(domains))

    def spread(self, rows: Any) -> Any:
        """Those rows, sorted: `[B, D] -> [R, D]`."""
        return tf.gather(rows, self.order)

    def dense(self, rows: Any, kernel: Any, bias: Any) -> Any:
        """Each domain's own layer: `[R, D]`, `[N, D, U]`, `[N, U]` to `[R, U]`."""
        slices = tf.split(rows, self.counts, num=kernel.shape[0])
        products = [tf.matmul(x, w) for x, w in zip(slices, tf.unstack(kernel), strict=True)]
        return tf.concat(products, axis=0) + self.select(bias)

    def select(self, stacked: Any) -> Any:
        """What belongs to each row's domain: `[N, D] -> [R, D]`."""
        return tf.matmul(self.place, stacked)

    def collect(self, rows: Any) -> Any:
        """Rows in the batch's own order, 0 where there is no kernel: `[R, D] -> [B, D]`."""
        return tf.scatter_nd(
            self.order[:, tf.newaxis], rows, tf.stack([self.size, tf.shape(rows)[1]])
        )
