"""tfrec_mt: recommenders that serve many domains from one model, on TensorFlow and Keras.

Example:
  >>> import tfrec_mt as mt
  >>> schema = mt.Schema.infer("clicks/*.parquet", user="uid", item="iid", time="ts",
  ...                          tasks=["clicked"], topics=["market"])
  >>> log = mt.prepare("clicks/*.parquet", schema, "runs/shop/data")
  >>> base = mt.pretrain(log, "runs/shop/base")
  >>> model = mt.fine_tune(base, log, "runs/shop/kernels")
  >>> report = mt.evaluate(model)
  >>> mt.export(model, "runs/shop/export")
  >>> mt.load_export("runs/shop/export").score(frame)
"""

from typing import TYPE_CHECKING

from tfrec_mt.lazy_names import lazy_names, when_keras_is_there

__version__ = "0.2.0"

if TYPE_CHECKING:
    from tfrec_mt import adapters as adapters
    from tfrec_mt import models as models
    from tfrec_mt import sources as sources
    from tfrec_mt.adapters.catalog import register_adapter as register_adapter
    from tfrec_mt.bases.adapter import IAK as IAK
    from tfrec_mt.bases.adapter import Adapter as Adapter
    from tfrec_mt.bases.attach_kernels import attach as attach
    from tfrec_mt.bases.keras_base import KerasBase as KerasBase
    from tfrec_mt.bases.knowledge_table import KnowledgeTable as KnowledgeTable
    from tfrec_mt.bases.saved_model_base import SavedModelBase as SavedModelBase
    from tfrec_mt.data.dataset import PreparedDataset as PreparedDataset
    from tfrec_mt.data.news.news_dataset import NewsDataset as NewsDataset
    from tfrec_mt.data.sources.registered import register_source as register_source
    from tfrec_mt.errors import DataError as DataError
    from tfrec_mt.errors import SchemaError as SchemaError
    from tfrec_mt.evaluation.evaluation import Evaluation as Evaluation
    from tfrec_mt.jobs.borrow_kernel import borrow_kernel as borrow_kernel
    from tfrec_mt.jobs.carry_kernels import carry_kernels as carry_kernels
    from tfrec_mt.jobs.evaluate import evaluate as evaluate
    from tfrec_mt.jobs.exchange import add_kernels as add_kernels
    from tfrec_mt.jobs.exchange import remove_kernels as remove_kernels
    from tfrec_mt.jobs.exchange import roll_back as roll_back
    from tfrec_mt.jobs.export import export as export
    from tfrec_mt.jobs.fine_tune import fine_tune as fine_tune
    from tfrec_mt.jobs.load import load as load
    from tfrec_mt.jobs.prepare import prepare as prepare
    from tfrec_mt.jobs.pretrain import pretrain as pretrain
    from tfrec_mt.jobs.remembered import remembered as remembered
    from tfrec_mt.jobs.train_control import train_control as train_control
    from tfrec_mt.models.catalog import register_model as register_model
    from tfrec_mt.schema import Schema as Schema
    from tfrec_mt.schema import Task as Task
    from tfrec_mt.serving.exported_model import ExportedModel as ExportedModel
    from tfrec_mt.serving.exported_model import load_export as load_export
    from tfrec_mt.training.distribution import distributed as distributed

# Module of each public name, which is imported on first use.
_HOMES = {
    "Adapter": "tfrec_mt.bases.adapter",
    "DataError": "tfrec_mt.errors",
    "Evaluation": "tfrec_mt.evaluation.evaluation",
    "IAK": "tfrec_mt.bases.adapter",
    "KerasBase": "tfrec_mt.bases.keras_base",
    "KnowledgeTable": "tfrec_mt.bases.knowledge_table",
    "ExportedModel": "tfrec_mt.serving.exported_model",
    "NewsDataset": "tfrec_mt.data.news.news_dataset",
    "PreparedDataset": "tfrec_mt.data.dataset",
    "SavedModelBase": "tfrec_mt.bases.saved_model_base",
    "Schema": "tfrec_mt.schema",
    "SchemaError": "tfrec_mt.errors",
    "Task": "tfrec_mt.schema",
    "adapters": "tfrec_mt.adapters",
    "add_kernels": "tfrec_mt.jobs.exchange",
    "attach": "tfrec_mt.bases.attach_kernels",
    "borrow_kernel": "tfrec_mt.jobs.borrow_kernel",
    "carry_kernels": "tfrec_mt.jobs.carry_kernels",
    "distributed": "tfrec_mt.training.distribution",
    "evaluate": "tfrec_mt.jobs.evaluate",
    "export": "tfrec_mt.jobs.export",
    "fine_tune": "tfrec_mt.jobs.fine_tune",
    "load": "tfrec_mt.jobs.load",
    "load_export": "tfrec_mt.serving.exported_model",
    "models": "tfrec_mt.models",
    "prepare": "tfrec_mt.jobs.prepare",
    "pretrain": "tfrec_mt.jobs.pretrain",
    "register_adapter": "tfrec_mt.adapters.catalog",
    "register_model": "tfrec_mt.models.catalog",
    "register_source": "tfrec_mt.data.sources.registered",
    "remembered": "tfrec_mt.jobs.remembered",
    "remove_kernels": "tfrec_mt.jobs.exchange",
    "roll_back": "tfrec_mt.jobs.exchange",
    "sources": "tfrec_mt.sources",
    "train_control": "tfrec_mt.jobs.train_control",
}

# Names that do not need TensorFlow, which takes seconds to import.
_LIGHT = ("DataError", "Schema", "SchemaError", "Task", "adapters", "models", "sources")

__all__ = ["__version__", *_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, _LIGHT)

when_keras_is_there("tfrec_mt.keras_classes")
