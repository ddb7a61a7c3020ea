"""What all tests share: few threads, no network by accident, and the real data where a machine has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch or numpy is imported: with one thread each, tests in parallel do not fight over two cores.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# Nothing here may depend on a model hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# The archive sets this before it imports the database, which reads it once; a test may import it earlier.
os.environ.setdefault("LANCEDB_LOG", "error")

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("geoglot", deadline=None)
settings.load_profile("geoglot")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real rasters: the environment variable GEOGLOT_DATA, else `../shared/data` beside the repository."""
    folder = Path(os.environ.get("GEOGLOT_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"the real data are not on this machine ({folder} is no folder; set GEOGLOT_DATA)")
    return folder
