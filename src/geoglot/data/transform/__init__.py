"""Changes of pictures that keep their words true: every one is a pair of what is done to pixels and what is done to words."""

from geoglot.data.transform.colour import Recolour
from geoglot.data.transform.crop import Crop
from geoglot.data.transform.scale import Coarsen
from geoglot.data.transform.shown import Change, Shown, Views, chain
from geoglot.data.transform.turn import Turn as TurnChange

__all__ = ["Change", "Coarsen", "Crop", "Recolour", "Shown", "TurnChange", "Views", "chain"]
