"""`start_at_floor`: starts a base from a logistic regression on ids."""

from collections.abc import Sequence

import numpy as np

from tfrec_mt.data.dataset import PreparedDataset
from tfrec_mt.data.encoding import decode_label
from tfrec_mt.data.reading.whole_columns import whole_columns
from tfrec_mt.models.ranking_model import RankingModel
from tfrec_mt.schema.task import ROW_WEIGHT
from tfrec_mt.training.id_effects import Ids, fit_effects
from tfrec_mt.training.logit_labels import logit_labels

# All rows of a long log would not fit in memory, and effects converge with fewer.
MOST_ROWS = 1 << 21


def start_at_floor(model: RankingModel, dataset: PreparedDataset, parts: Sequence[str]) -> None:
    """Puts fitted effects of users, items and domains into an untrained model.

    The last layer of a model such as `OnlineLargeRecommender` sees every embedding. One number of
    an id's embedding is set to its effect on a task, and the last layer adds these numbers up.
    Models whose last layer sees no embeddings are left unchanged.

    Args:
      model: An untrained model.
      dataset: The data.
      parts: Parts that it will learn from; of their rows, the last 2,097,152 at most.
    """
    front = model.front_end
    if not model.stacked:
        return
    schema, embedding = dataset.schema, front.embedding
    places = front.single_places()
    names = [n for n in (schema.keys.user, schema.keys.item, *model.base_topics) if n in places]
    labels = {f"labels/{task.name}" for task in schema.tasks}
    weight = f"labels/{ROW_WEIGHT}"
    wanted = {*(f"features/{name}" for name in names), *labels, weight}
    rows = whole_columns(dataset, parts, wanted, MOST_ROWS)
    decoded = {task.name: decode_label(rows[f"labels/{task.name}"]) for task in schema.tasks}
    weights = rows.get(weight, np.ones(len(decoded[schema.tasks[0].name]))).astype(np.float64)
    table = embedding.table.numpy()
    start = model.knowledge_width - front.output_width
    for number, task in enumerate(schema.tasks[: embedding.width]):
        label = logit_labels(task, decoded, model.chained)
        chosen = ~np.isnan(label) & (weights > 0)
        if not chosen.any():
            continue
        effects = fit_effects(
            label[chosen],
            [
                Ids(rows[f"features/{name}"][chosen], len(table[embedding.rows_of(name)]))
                for name in names
            ],
            binary=task.binary,
            weights=weights[chosen],
        )
        head = model.heads_by_task[task.name]
        kernel = head.kernel.numpy()
        for name, values in zip(names, effects.values, strict=True):
            table[embedding.rows_of(name), number] = values
            first = start + places[name]
            kernel[first : first + len(schema.tasks)] = 0.0  # effects on other tasks
            kernel[first + number] = 1.0
        head.kernel.assign(kernel)
        head.bias.assign([effects.mean])
    embedding.table.assign(table)
