"""What the tests share: complete parameters, the reference man, a blood that does not change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import few_men as few
import pytest
from hypothesis import settings

from testis_abm import RunResult, parameters, run
from testis_abm.biology.days import BloodDay
from testis_abm.man.physiology import complete
from testis_abm.population.twin import Pool

settings.register_profile("calm", deadline=None)  # a busy machine is no fault of a test
settings.load_profile("calm")
NORMAL_BLOOD = BloodDay(lh_activity=1.0, fsh_iu_l=4.0, free_testosterone=1.0, inhibitor=0.0, back_pressure=0.0)


_QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return Debian's Chromium without a window; tests that need it are skipped where it is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=list(_QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session", autouse=True)
def drawn_here() -> Iterator[None]:
    """Let commands draw in this process, not in two more that load all modules: test_results_draw.py holds those."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("testis_abm.pictures.drawing.standing_by", lambda: ThreadPoolExecutor(1))
        yield


@pytest.fixture
def elsewhere(tmp_path, monkeypatch) -> None:
    """Let a test write where it stands: in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def session() -> Iterator[Any]:
    """Return the session of a page, without the page."""
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    made = Session()
    yield made
    made.close()


@pytest.fixture(scope="session")
def pool() -> Pool:
    """Return men who are drawn once for several searches."""
    return Pool.draw("clinic", 6000, 3)


@pytest.fixture(scope="session", autouse=True)
def few_models() -> Iterator[None]:
    """Let plausible models be few; those who use the program get all."""
    with pytest.MonkeyPatch.context() as patch:
        few.few_models(patch.setattr)
        yield


@pytest.fixture
def few_men(monkeypatch) -> None:
    """Let searches for virtual patients be quick and rough."""
    few.shrink(monkeypatch.setattr)


@pytest.fixture(scope="session")
def values() -> dict[str, float]:
    """Return every parameter at its default."""
    return complete(parameters.values())


@pytest.fixture(scope="session")
def fertile() -> dict[str, float]:
    """Return the physiology of the reference man."""
    return {name: field.value for name, field in parameters.physiology().items()}


@pytest.fixture(scope="session")
def result() -> RunResult:
    """Return the small run of the app's tests, for reading only."""
    from small_page import SMALL

    return run(SMALL)


@pytest.fixture(scope="session")
def match() -> Any:
    """Return the virtual patients who match the laboratory values of the app's tests, for reading only."""
    from small_page import LABS, matched

    return matched(**LABS)
