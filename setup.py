"""Put the folder of scenarios into the package when it is built; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["testis_abm", "testis_abm.*"]),
        "testis_abm.scenarios",
        "testis_abm.scenarios.experiments",
    ],
    package_dir={"testis_abm.scenarios": "scenarios"},
)
