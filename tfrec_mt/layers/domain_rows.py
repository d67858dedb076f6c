"""Rows of a mixed batch sorted by domain, so that each kernel multiplies only its own rows."""

from typing import Any, NamedTuple

import tensorflow as tf


class DomainGroups(NamedTuple):
    """The layout of a mixed batch in blocks of rows that each belong to one domain.

    A batch of one domain is one block; a mixed batch has blocks of a fixed size. Each block is
    multiplied by one kernel, so cost follows rows, not kernels, and no row's result depends on
    which other domains have a kernel.

    Attributes:
      source: Row that fills each slot of the blocks, `[blocks * size]`; padding repeats row 0.
      domain: Domain code of each block, `[blocks]`.
      place: Slot of each row, `[B]`.
      size: Rows of a block.
    """

    source: Any
    domain: Any
    place: Any
    size: Any

    @classmethod
    def of(cls, domains: Any, count: int, block_rows: int = 32) -> "DomainGroups":
        """Groups rows by code.

        Args:
          domains: `[B]` codes, 0 for none.
          count: Number of domains `N`; codes are at most N.
          block_rows: Rows of a block where domains are mixed.
        """
        rows = tf.size(domains)
        single = tf.equal(tf.reduce_max(domains), tf.reduce_min(domains))
        size = tf.where(single, rows, block_rows)
        order = tf.argsort(domains, stable=True)
        ordered = tf.gather(domains, order)
        row_counts = tf.math.bincount(domains, minlength=count + 1, maxlength=count + 1)
        block_counts = (row_counts + size - 1) // size
        first_row = tf.cumsum(row_counts, exclusive=True)
        first_slot = tf.cumsum(block_counts, exclusive=True) * size
        # slot of each row in sorted order, then in the batch's own order
        slots = tf.gather(first_slot - first_row, ordered) + tf.range(rows)
        place = tf.gather(slots, tf.math.invert_permutation(order))
        source = tf.scatter_nd(
            place[:, tf.newaxis], tf.range(rows), [tf.reduce_sum(block_counts) * size]
        )
        domain = tf.repeat(tf.range(count + 1), block_counts)
        return cls(source, domain, place, size)

    def spread(self, rows: Any) -> Any:
        """Rows in blocks: `[B, D] -> [blocks, size, D]`."""
        return tf.reshape(
            tf.gather(rows, self.source), [tf.size(self.domain), self.size, rows.shape[-1]]
        )

    def dense(self, blocks: Any, kernel: Any, bias: Any) -> Any:
        """Applies each block's layer: `[blocks, size, D]`, `[N, D, U]`, `[N, U]` to blocks of U."""
        return tf.matmul(blocks, self._own(kernel)) + self.select(bias)

    def select(self, stacked: Any) -> Any:
        """Values of each block's domain: `[N, D] -> [blocks, 1, D]`."""
        return self._own(stacked)[:, tf.newaxis]

    def collect(self, blocks: Any) -> Any:
        """Rows in the batch's order: `[blocks, size, D] -> [B, D]`."""
        return tf.gather(tf.reshape(blocks, [-1, blocks.shape[-1]]), self.place)

    def _own(self, stacked: Any) -> Any:
        """`[N, ...] -> [blocks, ...]`; code 0 takes the first."""
        return tf.gather(stacked, tf.maximum(self.domain - 1, 0))


class DomainSlices(NamedTuple):
    """The rows of a batch that have a kernel, in the order of their domains.

    For training, where few kernels see many rows: one product per kernel uses weights in place,
    while `DomainGroups` copies them for every block and adds up as many gradients. Where a row's
    result must not depend on the rest of its batch even in the last bit, use `DomainGroups`.

    Attributes:
      order: The rows with a kernel, `[R]`, by domain.
      counts: Rows of each domain, `[N]`.
      place: 1 at the domain of each of these rows, `[R, N]`; a product with it gathers and, in the
        gradient, sums by domain faster than a gather does.
      size: Rows of the batch `B`.
    """

    order: Any
    counts: Any
    place: Any
    size: Any

    @classmethod
    def of(cls, domains: Any, count: int) -> "DomainSlices":
        """Sorts rows by code; see `DomainGroups.of`."""
        order = tf.argsort(domains, stable=True)
        counts = tf.math.bincount(domains, minlength=count + 1, maxlength=count + 1)
        order = order[counts[0] :]
        place = tf.one_hot(tf.gather(domains, order) - 1, count)
        return cls(order, counts[1:], place, tf.size(domains))

    def spread(self, rows: Any) -> Any:
        """Rows in the order of their domains: `[B, D] -> [R, D]`."""
        return tf.gather(rows, self.order)

    def dense(self, rows: Any, kernel: Any, bias: Any) -> Any:
        """Applies each domain's layer: `[R, D]`, `[N, D, U]`, `[N, U]` to `[R, U]`."""
        slices = tf.split(rows, self.counts, num=kernel.shape[0])
        products = [tf.matmul(x, w) for x, w in zip(slices, tf.unstack(kernel), strict=True)]
        return tf.concat(products, axis=0) + self.select(bias)

    def select(self, stacked: Any) -> Any:
        """Values of each row's domain: `[N, D] -> [R, D]`."""
        return tf.matmul(self.place, stacked)

    def collect(self, rows: Any) -> Any:
        """Rows in the batch's order, 0 without a kernel: `[R, D] -> [B, D]`."""
        return tf.scatter_nd(
            self.order[:, tf.newaxis], rows, tf.stack([self.size, tf.shape(rows)[1]])
        )
