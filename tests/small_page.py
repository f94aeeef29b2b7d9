"""What tests of the app share: a small scenario, its link, laboratory values, and what a browser can send."""

from __future__ import annotations

import base64
import time
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

from hypothesis import strategies as some

import testis_abm as ta
from testis_abm.app import matching, share

SCENARIOS = sorted(Path(__file__).parents[1].joinpath("scenarios").glob("*.toml"))


THERAPY = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}


SMALL = {
    "title": "Small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 1},
    "plan": {"baseline": "4 days", "duration": "30 days", "replicates": 3},
    "therapy": [THERAPY],
    "samples": {"semen": ["day 0", "day 28"]},
}


# What a browser can put into a message.
SENT = some.one_of(
    some.text(max_size=30),
    some.floats(),
    some.integers(),
    some.booleans(),
    some.none(),
    some.lists(some.integers()),
    some.dictionaries(some.text(max_size=3), some.integers()),
    some.just(10**400),
)


def packed(content: bytes) -> str:
    return "#s=1" + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


GOOD = share.link(ta.load(SMALL))


LABS = {"t": "260 ng/dL", "e2": "48 pg/mL", "lh": "3.1", "fsh": "4.4", "concentration": "4 M/mL", "bmi": "33"}


def matched(**texts: str) -> matching.Match:
    return matching.find(matching.read_labs(texts), "immunoassay")


def drawn(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.get("role") in ("img", "group") and root.get("aria-label")
    return root


def until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
