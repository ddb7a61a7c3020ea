"""Converse: captions, answers, places and measures of scenes of any size by a conversational model, with evidence."""

from geoglot.tasks.converse.answer import Answer
from geoglot.tasks.converse.asked import Settings
from geoglot.tasks.converse.conversation import Conversation
from geoglot.tasks.converse.verb import ask, caption, ground

__all__ = ["Answer", "Conversation", "Settings", "ask", "caption", "ground"]
