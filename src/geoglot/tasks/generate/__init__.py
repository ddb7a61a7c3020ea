"""The verbs generate, inpaint and outpaint: scenes drawn from words, metadata and maps, which say that they are."""

from geoglot.tasks.generate.generated import Generated
from geoglot.tasks.generate.paint import inpaint, outpaint
from geoglot.tasks.generate.verb import generate, generate_all

__all__ = ["Generated", "generate", "generate_all", "inpaint", "outpaint"]
