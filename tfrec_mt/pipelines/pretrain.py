r"""Trains a base model, or continues training one: a ranking model, or a news model on news.

Examples:
  tfrec-mt pretrain --data=runs/takeout/data --output=runs/takeout/base
  tfrec-mt pretrain --flagfile=recipes/mtrec_newsroom.flags \
      --data=runs/newsroom/data --output=runs/newsroom/base
"""

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import console_command
from tfrec_mt.pipelines.terminal import beside, suggest
from tfrec_mt.quiet_start import import_tensorflow
from tfrec_mt.storage.names import MODEL


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    import_tensorflow()  # quietly
    from tfrec_mt.configs.train import Distribution
    from tfrec_mt.pipelines.training_flags import define_news, define_ranking

    define_ranking(told)
    define_news(told)
    told.add(Distribution)


def main(told: ConfigFlags) -> None:
    """Trains and prints the model's folder."""
    from tfrec_mt.jobs.pretrain import pretrain
    from tfrec_mt.training.distribution import distributed
    from tfrec_mt.training.share_cores import share_cores

    share_cores()
    given = told.given()
    output = given.pop("output")
    data = given.pop("data")
    with distributed(given.pop("distribute", "none")):
        pretrain(data, output, **given)
    print(f"model: {output / MODEL}")
    suggest("fine-tune", data=data, base=output, output=beside(output, "kernels"))


run = console_command(define, main)

if __name__ == "__main__":
    run()
