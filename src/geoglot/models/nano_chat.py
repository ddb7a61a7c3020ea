"""`nano-chat`."""

LOCATE, ALL = "[LOC]", "[ALL]"
