"""`pretrain`: a base model, trained on prepared data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfrec_mt.data.news.news_dataset import NewsDataset
from tfrec_mt.errors import SchemaError, nearest
from tfrec_mt.jobs.opened import Base, Folder, Log, open_base, open_log, run_of
from tfrec_mt.jobs.settings import arguments_of, fields_of, sort_settings
from tfrec_mt.models.catalog import RANKING_MODELS
from tfrec_mt.models.news.news_recommender import NewsRecommender
from tfrec_mt.models.news.title_encoders import LORA, WITHOUT_LORA, make_title_encoder
from tfrec_mt.training.news_pretrain import NEWS_BATCH_SIZE, NewsPretrainConfig, pretrain_news
from tfrec_mt.training.pretrain import PretrainConfig
from tfrec_mt.training.pretrain import pretrain as pretrain_ranking
from tfrec_mt.training.train_config import TrainConfig

_NESTED = ("data", "output", "parts", "validation", "init_from", "train", "model_settings")


def pretrain(
    log: Log | Folder,
    output: Folder,
    *,
    model: str = PretrainConfig.model,
    parts: Sequence[str] = ("train",),
    validation: str | None = None,
    init_from: Base | Folder | None = None,
    **settings: Any,
) -> Base:
    """Trains a base model, or continues one; a call that was killed goes on when it is repeated.

    Args:
      log: Prepared data: what `prepare` gave, or its folder.
      output: Run folder to make; the model ends up in its folder `model`.
      model: Of click logs: `olr`, `shared_bottom`, `esmm`, `mmoe`, `ple`, and, told a row's domains
        by `base_topics`, `star`, `pepnet` and `m2m`.
      parts: Parts to train on.
      validation: Part that early stopping (`patience`) looks at.
      init_from: A base to continue: what `pretrain` gave, or its run folder.
      settings: Of training, `PretrainConfig` and `TrainConfig` (such as `epochs`, `batch_size`,
        `learning_rate`, `seed`), of news `NewsPretrainConfig` and `make_title_encoder`; and of the
        model, arguments of its class (such as `units`, `base_topics`, of news `auxiliary`).

    Returns:
      The model, a Keras model: `RankingModel` of a click log, `NewsRecommender` of news.

    Raises:
      DataError: There is no such data, or no such part.
      SchemaError: An unknown model or setting, or one that does not fit the data.
      RunFolderError: The output holds a finished run, or one with other settings.
      DivergedError: The loss is no longer finite.

    Example:
      >>> base = mt.pretrain("runs/shop/data", "runs/shop/base", model="mmoe", epochs=2)
    """
    data = open_log(log)
    run: dict[str, Any] = {
        "data": data.path,
        "output": Path(output),
        "parts": (parts,) if isinstance(parts, str) else tuple(parts),
        "validation": validation,
        "init_from": run_of(init_from, "init_from") if init_from is not None else None,
    }
    if isinstance(data, NewsDataset):
        if model != PretrainConfig.model:
            raise SchemaError(f"model={model!r} is for click logs; {data.path} holds news")
        pretrain_news(_news_config(run, settings))
    else:
        pretrain_ranking(_ranking_config(run, model, settings))
    return open_base(output, data)


def _ranking_config(run: dict[str, Any], model: str, settings: dict[str, Any]) -> PretrainConfig:
    if model not in RANKING_MODELS:
        raise SchemaError(f"model={model!r}: unknown; {nearest(model, RANKING_MODELS)}")
    found = sort_settings(
        f"pretrain with model={model!r}",
        settings,
        {
            "run": fields_of(PretrainConfig, *_NESTED, "model"),
            "train": fields_of(TrainConfig),
            "model": arguments_of(RANKING_MODELS[model], "schema"),
        },
    )
    return PretrainConfig(
        **run,
        **found["run"],
        model=model,
        model_settings=_tuples(found["model"]),
        train=TrainConfig(**found["train"]),
    )


def _news_config(run: dict[str, Any], settings: dict[str, Any]) -> NewsPretrainConfig:
    found = sort_settings(
        "pretrain on news",
        settings,
        {
            "run": fields_of(NewsPretrainConfig, *_NESTED, "encoder_settings"),
            "train": fields_of(TrainConfig, "steps_per_call"),
            "encoder": arguments_of(make_title_encoder, "kind", "spec"),
            "model": arguments_of(NewsRecommender, "schema", "title_encoder"),
        },
    )
    kind = found["run"].get("title_encoder", NewsPretrainConfig.title_encoder)
    lora = {} if kind in WITHOUT_LORA else LORA
    # batches of news differ in shape, so each is a call of its own
    train = {"batch_size": NEWS_BATCH_SIZE} | found["train"] | {"steps_per_call": 1}
    return NewsPretrainConfig(
        **run,
        **found["run"],
        encoder_settings={**lora, **found["encoder"]},
        model_settings=_tuples(found["model"]),
        train=TrainConfig(**train),
    )


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    return {n: tuple(v) if isinstance(v, list) else v for n, v in settings.items()}
