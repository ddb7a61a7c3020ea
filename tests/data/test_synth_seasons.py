"""The time of year on rendered places: the sun, crops and leaves by date and latitude, snow, and low sun refused."""

from datetime import UTC, datetime

import numpy as np
import pytest

from geoglot.core.errors import InputError
from geoglot.data.synth import landscape, seasons
from geoglot.data.synth.legend import MATERIAL, PLANT, PLANTS
from geoglot.data.synth.seasons import STATE, dressed, lit, season, states, sun_at

HERE = (6.1, 52.3)


@pytest.fixture(scope="module")
def country():
    return landscape(3, "country", 1500)


def day(month: int, number: int = 15, year: int = 2021) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "lonlat", "azimuth", "elevation"),
    [
        (datetime(2021, 6, 21, 12, 0, tzinfo=UTC), (0.0, 51.5), 180, 62),
        (datetime(2021, 12, 21, 12, 0, tzinfo=UTC), (0.0, 51.5), 180, 15),
        (datetime(2021, 12, 21, 12, 0, tzinfo=UTC), (0.0, -33.9), 0, 79.5),
        (datetime(2021, 3, 20, 6, 0, tzinfo=UTC), (0.0, 0.0), 90, 0),
        (datetime(2021, 3, 20, 15, 0, tzinfo=UTC), (45.0, 10.0), 270, 0),
    ],
)
def test_the_sun_stands_where_almanacs_put_it(when, lonlat, azimuth, elevation):
    sun = sun_at(when, *lonlat)
    assert sun.elevation == pytest.approx(elevation, abs=1.5)
    assert abs((sun.azimuth - azimuth + 180) % 360 - 180) < 3


def test_midnight_stands_for_the_morning_pass():
    found = season(day(6), (100.0, 20.0))
    assert found.sun.elevation > 40
    assert 90 > found.sun.azimuth > 0 or found.sun.azimuth < 180


def test_low_sun_is_refused_for_pictures():
    with pytest.raises(InputError, match="radar"):
        lit(season(day(12), (20.0, 69.0)))


def test_every_plant_has_a_calendar_and_every_state_a_look():
    assert set(seasons.CALENDAR) == set(PLANTS) - {""}
    assert set(seasons.SEASONED) == set(seasons.STATES) - {""}
    assert {s for turns in seasons.CALENDAR.values() for _, s in turns} <= set(seasons.STATES)


def most(world, month: int, plant: str, lonlat=HERE) -> str:
    found = states(world, season(day(month), lonlat, snow=0.0))
    own = found[world.drawing.plant == PLANT[plant]]
    assert len(own)
    return seasons.STATES[int(np.bincount(own).argmax())]


def test_crops_and_leaves_follow_the_year(country):
    assert most(country, 6, "wheat") == "green"
    assert most(country, 9, "wheat") in ("stubble", "bare")
    assert most(country, 1, "maize") == "bare"
    assert most(country, 8, "maize") == "green"
    assert most(country, 1, "deciduous") == "leafless"
    assert most(country, 7, "deciduous") == "green"
    assert most(country, 10, "deciduous") == "autumn"


def test_the_south_has_its_seasons_half_a_year_later(country):
    assert most(country, 1, "deciduous", (147.0, -42.0)) == "green"
    assert most(country, 7, "deciduous", (147.0, -42.0)) == "leafless"
    assert season(day(1), (147.0, -42.0)).name == "summer"
    assert season(day(1), HERE).name == "winter"


def test_near_the_equator_trees_stay_green(country):
    for month in (1, 4, 7, 10):
        assert most(country, month, "deciduous", (10.0, 3.0)) == "green"


def test_snow_is_white_and_spares_water(country):
    bare, white = (dressed(country, season(day(1), HERE, snow=snow)) for snow in (0.0, 1.0))
    fields = country.drawing.material == MATERIAL["crop"]
    water = country.drawing.material == MATERIAL["water"]
    assert white[fields].mean() > 200
    assert np.array_equal(white[water], bare[water])
    found = states(country, season(day(1), HERE, snow=1.0))
    assert (found[fields] == STATE["snow"]).all()
    assert season(day(1), (25.0, 66.0)).snow > season(day(7), (25.0, 66.0)).snow == 0
    with pytest.raises(InputError, match="0 to 1"):
        season(day(1), HERE, snow=1.5)


def test_green_leaves_are_bright_in_the_near_infrared_and_bare_soil_is_not(country):
    colour = {month: dressed(country, season(day(month), HERE, snow=0.0)) for month in (1, 8)}
    maize = country.drawing.plant == PLANT["maize"]

    def ratio(month: int) -> float:
        return float((colour[month][maize, 3] / colour[month][maize, 0]).mean())

    assert ratio(8) > 2 > 1.2 > ratio(1)
    same = dressed(country, season(day(8), HERE, snow=0.0))
    assert np.array_equal(same, colour[8])
