"""Styles for QGIS."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from geoglot.serve import styles

router = APIRouter(prefix="/api/styles", tags=["search"])


@router.get("/hits.qml", summary="A QGIS style for hits", response_class=Response)
def hits() -> Response:
    """Put it beside hits.geojson; QGIS loads it by itself."""
    return Response(
        styles.hits_qml(), media_type="application/xml", headers={"Content-Disposition": 'attachment; filename="hits.qml"'}
    )
