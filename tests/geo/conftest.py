"""Small rasters for the tests, and the folder of real data where there is one."""

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

DATA = Path(os.environ.get("GEOGLOT_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()
NORTH_UP = Affine(10, 0, 500000, 0, -10, 5000000)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    if not DATA.is_dir():
        pytest.skip("no folder of real data: set GEOGLOT_DATA")
    return DATA


@pytest.fixture
def make(tmp_path):
    """Write an array (C, H, W) as a GeoTIFF and give its path; `mask`, `tags`, `names`, `scale` are set after writing."""

    def write(data, name="a.tif", crs="EPSG:32631", transform=NORTH_UP, mask=None, tags=None, names=None, scale=None, **options):
        data = np.asarray(data)
        path = tmp_path / name
        profile = {"driver": "GTiff", "count": data.shape[0], "height": data.shape[1], "width": data.shape[2]}
        profile |= {"dtype": data.dtype.name, **options}
        if crs is not None:
            profile |= {"crs": crs, "transform": transform}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as file:
            if "colour" in profile:
                raise ValueError("write the colour map in the test")
            file.write(data)
            if mask is not None:
                file.write_mask(mask)
            if tags:
                file.update_tags(**tags)
            for index, text in enumerate(names or (), 1):
                file.set_band_description(index, text)
            if scale:
                file.scales, file.offsets = (scale[0],) * len(data), (scale[1],) * len(data)
        return path

    return write


@pytest.fixture
def ramp():
    """A smooth image (C, H, W) whose values tell where they are: column + 1000 times row in units of 1/100 pixel."""

    def make_ramp(count=1, height=64, width=80, dtype="float32", low=0.0, high=1.0):
        r, c = np.meshgrid((np.arange(height) + 0.5) / height, (np.arange(width) + 0.5) / width, indexing="ij")
        planes = [low + (high - low) * (0.25 + 0.5 * (r * (i + 1) + c) / (i + 2)) for i in range(count)]
        return np.stack(planes).astype(dtype)

    return make_ramp
