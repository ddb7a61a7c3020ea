"""Wordings of requests and answers, by what they are about. `{}` fields are filled by name; one is drawn by the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
Table = Mapping[str, tuple[str, ...]]
WORDS: Table = {
    "caption": (
        "Describe the image in one sentence.", "What does this image show?", "Give a short caption.", "Caption this image.",
        "Sum up the scene in a few words.", "What can be seen here?", "Write one sentence about this picture.",
    ),
    "caption long": (
        "Describe the image in detail.", "Give a detailed description of the scene.", "What does the image show? Be thorough.",
        "Write a paragraph about this picture.", "Tell me everything that you can see here.",
    ),
    "region": (
        "What is in the region {box}?", "Describe what lies at {box}.", "What object is marked by {box}?",
        "Name the object at {box}.",
        "What do you see in {box}?",
    ),
    "point": ("What is at the point {box}?", "Name the object under the point {box}.", "Which object covers the point {box}?"),
    "class": (
        "What kind of place is this?", "Which scene class fits this image?", "Classify the scene.", "What type of area is shown?",
        "What is the scene category of this image?",
    ),
    "class of": (
        "Which of these classes fits the image: {choices}?", "Classify the image. Choose one of: {choices}.",
        "Choose the scene class from {choices}.",
    ),
    "presence": (
        "Is there {one} in this image?", "Are there any {many}?", "Can {many} be seen here?", "Does the image show {one}?",
        "Do you see {one}?",
    ),
    "count": (
        "How many {many} are there?", "What is the number of {many} in this image?", "Count the {many}.",
        "How many {many} can you see?", "Give the number of {many}.",
    ),
    "more": ("Are there more {a} than {b}?", "Do the {a} outnumber the {b}?"),
    "refer": (
        "Give me the location of {what}.", "Where is {what}?", "Find {what}.", "Mark {what} with a box.", "Locate {what}.",
        "Show where {what} is.",
    ),
    "refer turned": (
        "Give me the oriented box of {what}.", "Mark {what} with a box that is turned with it.",
        "Find {what}; give an oriented box.",
    ),
    "refer all": (
        "Mark all {many}.", "Give me the locations of all {many}.", "Find every one of the {many}.", "Where are the {many}?",
        "Detect all {many}.",
    ),
    "ground": (
        "Describe the image and mark what you mention.", "Say what there is, with a box for each object.",
        "Give a grounded description.",
    ),
    "length": (
        "How long is {what} in metres?", "Measure {what}: what is its length in metres?", "What is the length of {what}?",
        "Estimate how many metres long {what} is.",
    ),
    "area": ("What area does {what} cover in square metres?", "How many square metres does the box of {what} have?"),
    "distance": (
        "How far is {a} from {b} in metres?", "What is the distance in metres between {a} and {b}?",
        "How many metres lie between the middles of {a} and {b}?",
    ),
    "relation": (
        "How does {a} lie to {b}?", "What is the position of {a} relative to {b}?", "Where is {a} as seen from {b}?",
    ),
    "relation of boxes": (
        "How does the object at {a} lie to the one at {b}?", "What is the relation of {a} to {b}?",
    ),
    "change caption": (
        "What has changed between the two images?", "Describe the changes from the first image to the second.",
        "Compare the two dates.", "What is different in the later image?",
    ),
    "changed": ("Has anything changed between the two images?", "Is there a change between the two dates?"),
    "colour": ("What colour is {what}?", "Which colour does {what} have?", "Tell me the colour of {what}."),
    "place": ("In which part of the image is {what}?", "Where in the image is {what}?"),
    "beyond": (
        "What is the name of {what}?", "Who owns {what}?", "How many people are in or on {what}?", "When was {what} built?",
        "What is {what} worth?", "What is the temperature at {what}?",
    ),
    "denied": ("No, there is no {name} in this image.", "No. I see no {name} here.", "No, the image shows no {name}."),
    "no such": (
        "There is no {name} in this image.", "I see no {name} here.", "The image shows no {name}.",
        "That cannot be answered: there is no {name} in the image.",
    ),
    "no colour": (
        "This is a panchromatic image: it has shades of grey only, so colours cannot be told.",
        "The image has no colour bands, so the colour cannot be told.", "Colours cannot be told from a panchromatic image.",
    ),
    "cannot tell": (
        "That cannot be told from this image.", "An image from above does not show that.",
        "The image does not tell; another source is needed for that.",
    ),
}  # fmt: skip


def draw(kind: str, rng: np.random.Generator, **fields: str) -> str:
    """One of the wordings, filled."""
    words = WORDS[kind]
    return words[int(rng.integers(len(words)))].format(**fields)


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """One of several things, by the seed."""
    return items[int(rng.integers(len(items)))]


def sentence(text: str) -> str:
    """A phrase with a capital letter and a full stop."""
    plain = text.strip()
    return plain[:1].upper() + plain[1:] + ("" if plain.endswith((".", "!", "?")) else ".")
