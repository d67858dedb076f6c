import pytest

from studies.takeout.budget import equal_budget
from tests.adapters.longhand import READERS
from tfrec_mt.adapters.catalog import ADAPTERS


@pytest.mark.parametrize("adapter", READERS)
@pytest.mark.parametrize("widths", [{"ctr": 176, "ctcvr": 176}, {"ctr": 40, "ctcvr": 90}])
@pytest.mark.parametrize("domains", [(2, 3, 6), (1,)])
def test_every_adapter_trains_as_many_weights(
    adapter: str, widths: dict[str, int], domains: tuple[int, ...]
) -> None:
    def trained(name: str) -> float:
        settings = equal_budget(name, widths, domains, encoder_width=20)
        return sum(
            count
            * ADAPTERS[name](
                "topic", [f"d{i}" for i in range(count)], widths, **settings
            ).trained_weights_of_one
            for count in domains
        )

    if adapter == "last_layer":
        assert trained(adapter) == sum(domains) * (sum(widths.values()) + 2)
    elif adapter == "shared_lora" and domains == (2, 3, 6) and min(widths.values()) == 40:
        # 76 of 40 columns would be as many
        assert equal_budget(adapter, widths, domains, encoder_width=20)["rank"] == 40
    else:
        assert trained(adapter) == pytest.approx(trained("iak"), rel=0.03)


def test_what_has_no_budget_is_named() -> None:
    with pytest.raises(ValueError, match="no rule for the budget of 'prompt'"):
        equal_budget("prompt", {"ctr": 9}, (2,))
    with pytest.raises(ValueError, match=r"of at least 1, got \[2, 0\]"):
        equal_budget("iak", {"ctr": 9}, (2, 0))
