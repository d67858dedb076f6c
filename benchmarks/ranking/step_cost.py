"""Lower bounds on the multiply-adds and bytes of a training step."""

from dataclasses import dataclass

from benchmarks.ranking.world import ELEMENTS, FEATURES, UNITS, World
from benchmarks.support.machine import Machine

WIDTH, HEADS, HEAD_WIDTH = 8, 8, 8
EXPERTS, TASKS = 2, 2
TOP, BITS = 32, 48
FLOAT = 4


@dataclass(frozen=True)
class StepCost:
    """The work that a step cannot avoid.

    Args:
      multiply_adds: Of its products, forwards and backwards.
      rows: Rows of tables gathered at random, or written back.
      bytes: Of dense weights and their accumulators, read and written once.
    """

    multiply_adds: float
    rows: float
    bytes: float

    @classmethod
    def of(cls, world: World) -> "StepCost":
        """Counts the work of one step of a world's model."""
        element, query = (ELEMENTS + 1) * WIDTH, ELEMENTS * WIDTH
        lengths = [world.short, min(TOP, world.long)] if world.short else []
        lengths = [length for length in lengths if length]
        flat = 2 * FEATURES * WIDTH + len(lengths) * HEADS * HEAD_WIDTH
        known = UNITS[-1] + (flat if world.model == "olr" else 0)
        expert = sum(a * b for a, b in zip((flat, *UNITS), UNITS, strict=False))
        dense = EXPERTS * expert + TASKS * (EXPERTS * flat + known)
        dense += (WIDTH * 16 + 16) * world.debias
        kernels = (query + 2 * element) * HEADS * HEAD_WIDTH
        attention = sum(kernels + 2 * HEADS * length * element for length in lengths)
        # each of a product's two gradients costs as much as the product; a hash has none
        products = 3 * (dense + attention) + world.long * (query + 1) * BITS
        learned = 2 * FEATURES + (ELEMENTS + 1) * sum(lengths) + world.debias
        # one read; then weight and accumulator are read and written, if rows hardly repeat
        gathered = learned * 5 + world.long * ELEMENTS
        weights = dense + len(lengths) * kernels
        return cls(
            multiply_adds=world.batch_size * products,
            rows=world.batch_size * gathered,
            # weight, accumulator and gradient read, weight and accumulator written
            bytes=5 * FLOAT * weights,
        )

    def arithmetic_seconds(self, machine: Machine, precision: str) -> float:
        """Seconds of the products alone, at the machine's rate."""
        return self.multiply_adds / float(getattr(machine, precision))

    def bound_seconds(self, machine: Machine, precision: str) -> float:
        """Seconds of products, rows and weights in sequence, at the machine's rates."""
        memory = self.rows / machine.rows + self.bytes / machine.bandwidth
        return self.arithmetic_seconds(machine, precision) + memory
