"""How large an area is that a DSS is asked about: nobody may ask for all of a country by a thin shape."""

from __future__ import annotations

import pytest
import spherely

from keepclear.codec.f3548.dss_reading import areas_km2
from keepclear.core.geodesy import LatLng
from keepclear.core.shapes import Polygon


@pytest.mark.parametrize(
    "corners",
    [
        ((46.0, 7.0), (46.0, 7.001), (46.001, 7.001), (46.001, 7.0)),
        ((46.0, 7.0), (46.0, 8.0), (46.3, 7.2), (47.0, 7.0)),  # a corner points inwards
        ((85.0, 0.0), (85.0, 90.0), (85.0, 179.9)),  # one edge goes by the pole
        ((89.0, 0.0), (89.0, 120.0), (89.0, -120.0)),  # the pole is within
        ((-89.0, 0.0), (-89.0, 120.0), (-89.0, -120.0)),
        ((50.0, 0.0), (50.0001, 25.0), (50.0, 50.0)),  # its long edges bend towards the pole
        ((12.0, 179.0), (12.0, -179.0), (13.0, -179.0), (13.0, 179.0)),
    ],
)
def test_an_area_is_that_within_its_edges_wherever_it_is(corners: tuple[tuple[float, float], ...]) -> None:
    (area_km2,) = areas_km2([Polygon(vertices=tuple(LatLng(*each) for each in corners))])
    by_s2 = spherely.create_polygon([(lng, lat) for lat, lng in corners])
    assert area_km2 == pytest.approx(spherely.area(by_s2) / 1e6, rel=0.01)
