r"""The main job end to end: prepare, pre-train, fine-tune, evaluate, export, score, report.

Examples:
  tfrec-mt demo --output=runs/demo
  tfrec-mt demo --flagfile=recipes/movielens_1m.flags --output=runs/movielens
"""

from tfrec_mt.configs.settings import fields_of
from tfrec_mt.extras import require
from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.quiet_start import import_tensorflow
from tfrec_mt.schema import SchemaError

# Settings of bases and kernels that the job sets itself.
_OF_JOB = ("data", "output", "seed", "base_topics", "init_from", "continue_from")
_OF_KERNELS = (
    *("data", "output", "seed", "base", "topics", "beside", "knowledge"),
    *("continue_from", "pull"),
)
_KERNELS = "kernels"


def define(told: ConfigFlags) -> None:
    """Adds the flags; `kernel_` is the prefix of kernel settings whose name the base has too."""
    import_tensorflow()  # quietly
    from tfrec_mt.jobs.demo import DemoConfig
    from tfrec_mt.jobs.prepare import prepare
    from tfrec_mt.pipelines.prepare_data import Preparation, define_sources
    from tfrec_mt.pipelines.training_flags import define_kernels, define_ranking

    told.add(DemoConfig)
    told.add(Preparation, without=("output", "infer"))
    told.add(prepare, without=("data", "schema", "output", "seed", "like", "unknown_domains"))
    define_sources(told)
    define_ranking(told, _OF_JOB)
    define_kernels(told, _OF_KERNELS, group=_KERNELS, prefix="kernel_")


def main(told: ConfigFlags) -> None:
    """Runs the job."""
    from tfrec_mt.configs import FineTuneConfig, PretrainConfig
    from tfrec_mt.data.catalog import DIVISION, as_json, make_source, named_source
    from tfrec_mt.data.source import Source, chosen_split
    from tfrec_mt.data.sources.takeout import TakeoutSource
    from tfrec_mt.jobs.demo import DemoConfig, demo
    from tfrec_mt.jobs.fine_tune import kernel_config
    from tfrec_mt.pipelines.prepare_data import Preparation
    from tfrec_mt.training.share_cores import share_cores
    from tfrec_mt.workloads.catalog import WORKLOADS

    require("matplotlib", extra="reports")  # for the report at the end
    share_cores()
    given = told.given()
    name = given.pop("source", Preparation.source)
    source, takes = make_source(name, given), named_source(name).settings
    if not isinstance(source, Source):
        raise SchemaError(f"--source={name}: expected a click log, got news")
    split = chosen_split(source, *map(given.get, DIVISION))
    if isinstance(source, TakeoutSource):
        # its days are known: settings record their number, and a wrong one stops before any work
        split = split.of_days(source.config.days)
    output = given.get("output", DemoConfig.output)
    folders, seed = {"data": output / "data", "output": output}, given.get("seed", DemoConfig.seed)
    of_source = {n: as_json(v) for n, v in given.items() if n in {"seed", *takes} - {*DIVISION}}
    of_job = {n: v for n, v in given.items() if n in fields_of(DemoConfig, *DIVISION)}
    base = {n: v for n, v in given.items() if n not in {*takes, *of_job, *DIVISION}}
    kernels = told.given(_KERNELS)
    demo(
        DemoConfig(
            source=source,
            source_settings={"source": name, **of_source},
            split=split,
            pretrain=WORKLOADS["ranking"].configured(
                folders, base.pop("model", PretrainConfig.model), {**base, "seed": seed}
            ),
            fine_tune=kernel_config(
                kernels.pop("adapter", FineTuneConfig.adapter),
                {**kernels, "seed": seed},
                base=output,
                **folders,
            ),
            **of_job,
        )
    )


run = console_command(define, main)

if __name__ == "__main__":
    run()
