"""Checks whether this machine and its packages are what the toolkit needs.

Example:
  tfrec-mt doctor
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from tfrec_mt.pipelines.config_flags import ConfigFlags
from tfrec_mt.pipelines.run_binary import EXIT_ERROR, console_command
from tfrec_mt.pipelines.terminal import say_error, styled


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What to examine.

    Args:
      folder: Where runs will be written.
    """

    folder: Path = Path()


def define(told: ConfigFlags) -> None:
    """Adds the flags."""
    told.add(Examination)


def main(told: ConfigFlags) -> None:
    """Prints what was found, and fails if something is wrong."""
    from tfrec_mt.jobs.doctor import examine

    found = examine(Examination(**told.given()).folder)
    marks = {True: ("ok", "good"), False: ("wrong", "bad"), None: ("optional", "doubtful")}
    for finding in found:
        word, style = marks[finding.good]
        print(f"{styled(f'{word:8}', style, sys.stdout)}  {finding.what}: {finding.told}")
    wrong = sum(finding.good is False for finding in found)
    if wrong:
        say_error(f"{wrong} of {len(found)} are not as they should be")
        sys.exit(EXIT_ERROR)


run = console_command(define, main)

if __name__ == "__main__":
    run()
