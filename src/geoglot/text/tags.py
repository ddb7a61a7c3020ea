"""What a picture may be told to show, in a word or two: tags from which ChangeCLIP's prompts are made. The list is our own."""

from __future__ import annotations

TAGS = (
    "houses", "apartment blocks", "a city centre", "a village", "roofs", "a factory", "warehouses", "a shopping mall",
    "a school", "a church", "greenhouses", "a construction site", "a road", "a motorway", "a dirt track", "a roundabout",
    "a bridge", "a railway", "a railway station", "a parking lot", "vehicles", "an airport", "a runway", "airplanes",
    "a harbour", "ships", "a pier", "a dam", "a river", "a lake", "a pond", "the sea", "a beach", "a swimming pool",
    "a reservoir", "wetland", "snow and ice", "a forest", "scattered trees", "an orchard", "a plantation", "meadows", "a park",
    "a golf course", "a sports field", "a stadium", "crop fields", "bare fields", "bare soil", "rocks", "sand dunes", "desert",
    "a quarry", "storage tanks", "solar panels", "a power station",
)  # fmt: skip
FOREGROUND, BACKGROUND = "a satellite picture of {}", "a satellite picture of the ground around"
