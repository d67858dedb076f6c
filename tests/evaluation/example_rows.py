"""A few metric rows written by hand, with one domain that has no AUC."""

from tfrec_mt.evaluation.comparison import ModelRoles
from tfrec_mt.evaluation.metric_row import MetricRow

ROLES = ModelRoles(
    zero_shot="zero_shot", adapted="adapted", control="control", baseline="popularity"
)
NOTE = "one class: 0 positives in 37 rows"


def example_rows() -> list[MetricRow]:
    """Rows of task ctr on topic scene (home, work), their mean, and every row."""
    found = []
    for (topic, domain), n, aucs in (
        (("all", "all"), 1037, (0.6, 0.65, 0.61)),
        (("scene", "home"), 1000, (0.61234, 0.66234, 0.60234)),
        (("scene", "work"), 37, (None, None, None)),
    ):
        for model, value in zip(("zero_shot", "adapted", "control"), aucs, strict=True):
            row = {"model": model, "task": "ctr", "topic": topic, "domain": domain, "n": n}
            note = None if value else NOTE
            found.append(MetricRow(**row, metric="auc", value=value, note=note))  # type: ignore[arg-type]
            if model != "zero_shot":
                lift = value - aucs[0] if value and aucs[0] else None
                found.append(
                    MetricRow(
                        **row,  # type: ignore[arg-type]
                        metric="auc_lift",
                        value=lift,
                        ci_low=lift - 0.01 if lift else None,
                        ci_high=lift + 0.02 if lift else None,
                        reference="zero_shot",
                        note=note,
                    )
                )
            if model == "adapted":
                found.append(
                    MetricRow(
                        **row,  # type: ignore[arg-type]
                        metric="auc_oracle_share",
                        value=0.5 if value else None,
                        reference="popularity",
                        note=note,
                    )
                )
    for topic in ("scene", "all"):
        found.append(
            MetricRow(
                model="adapted",
                task="ctr",
                topic=topic,
                domain="mean",
                metric="auc_lift",
                value=0.05,
                n=1000,
                ci_low=0.04,
                ci_high=0.07,
                reference="zero_shot",
                note="mean of 1 of 2 domains",
            )
        )
    return found
