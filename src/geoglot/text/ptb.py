"""Words of a caption as the usual caption scorers see them: Penn Treebank words in small letters, without punctuation.

After Stanford's PTBTokenizer 3.4.1 with its options `-preserveLines -lowerCase`, and the punctuation that `pycocoevalcap`
takes out afterwards. That program needs Java and knows many more kinds of tokens (addresses, dates, currencies); these
rules hold for English prose. docs/evaluation.md says on which texts both agree.
"""

from __future__ import annotations

import re

PUNCTUATION = frozenset(("''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"))
# What Java's program writes for brackets; in small letters they are not in the list of what is taken out, so they stay.
BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
# Quotation marks, straight and curly, become ones that are taken out.
PLAIN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\n": " "})
TOKEN = re.compile(
    r"""
    (?P<short> \b (?: (?: [a-z]\. )+ | (?:mr|mrs|ms|dr|st|vs|etc|fig|inc|co|corp|jr|sr|prof|ltd|mt|ft)\. ) (?! \w )
      | fig\.(?=\d) | no\.(?=\s*\d) )
  | (?P<fraction> \d+/\d+ )
  | (?P<number> (?: (?<! \S ) [+-] )? \d+ (?: [.,:] \d+ )* (?: (?:st|nd|rd|th) \b )? (?! [-_/]? [^\W_] )
      | (?<! \w ) \.\d+ )
  | (?P<not> [a-z]+? (?= n't\b ) | n't\b )
  | (?P<joined> \b (?: can (?=not\b) | gon (?=na\b) | wan (?=na\b) | got (?=ta\b) | gim (?=me\b) | lem (?=me\b) ) )
  | (?P<ending> ' (?: s|m|d|re|ve|ll|\d\ds ) \b )
  | (?P<hash> \# [a-z] [^\W_]* )
  | (?P<elided> \b (?: o'clock | [dl]'[a-z]+ ) )
  | (?P<word> [^\W_]+ (?: [-_/] [^\W_]+ | (?<= [^\W\d_] ) \. [^\W\d_]+ )* )
  | (?P<dots> \.\.+ | -{2,} )
  | (?P<other> \S )
    """,
    re.VERBOSE,
)


def words(text: str) -> list[str]:
    """Give the words of a caption, in order."""
    found = []
    for match in TOKEN.finditer(text.translate(PLAIN).lower()):
        token = match.group()
        if match.lastgroup == "dots" or token in PUNCTUATION or token == '"':
            continue
        found.append(BRACKETS.get(token, token))
    return found


def tokenize(text: str) -> str:
    """Give the words with single spaces between them: what the caption metrics take."""
    return " ".join(words(text))
