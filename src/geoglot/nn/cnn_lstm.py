"""The classic of captions and questions, from scratch: a small convolutional network and an LSTM.

A captioner as of Vinyals et al. (2015, arXiv 1411.4555), the picture before the first word; an answerer as of Lobry et al. (2020,
arXiv 2003.07333), picture and question multiplied, then a classifier over the answers that were taught. Both with a network that
knows nothing before, so that they say what the data alone gives.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (32, 64, 128, 192, 256)


class Cnn(nn.Module):
    """A vector (B, `out`) of pictures (B, 3, S, S) in [0, 1]; each block halves the side."""

    def __init__(self, out: int = 256, widths: tuple[int, ...] = WIDTHS, drop: float = 0.3) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, after in zip((3, *widths[:-1]), widths, strict=True):
            blocks += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
        self.blocks = nn.Sequential(*blocks)
        self.out = nn.Sequential(nn.Dropout(drop), nn.Linear(widths[-1], out))

    def forward(self, pixels: Tensor) -> Tensor:
        """Look at pictures."""
        made: Tensor = self.out(self.blocks(pixels - 0.5).mean(dim=(2, 3)))
        return made


class Captioner(nn.Module):
    """Words (B, T) to logits (B, T, V) of the next ones; word 0 fills up, 1 begins and 2 ends a caption."""

    PAD, BEGIN, END = 0, 1, 2

    def __init__(self, words: int, width: int = 256) -> None:
        super().__init__()
        self.cnn = Cnn(width)
        self.words = nn.Embedding(words, width, padding_idx=self.PAD)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.next = nn.Linear(width, words)

    def forward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Logits after each word of captions that begin with BEGIN."""
        seen = torch.cat([self.cnn(pixels)[:, None], self.words(ids)], dim=1)
        made: Tensor = self.next(self.drop(self.lstm(seen)[0][:, 1:]))
        return made

    @torch.no_grad()
    def caption(self, pixels: Tensor, longest: int = 30) -> list[list[int]]:
        """Greedy captions of pictures, without BEGIN and END."""
        state = self.lstm(self.cnn(pixels)[:, None])[1]
        word = torch.full((len(pixels), 1), self.BEGIN)
        said = []
        for _ in range(longest):
            out, state = self.lstm(self.words(word), state)
            word = self.next(out).argmax(-1)
            said.append(word)
        rows = torch.cat(said, dim=1).tolist()
        return [row[: row.index(self.END)] if self.END in row else row for row in rows]


class Answerer(nn.Module):
    """Logits (B, A) of the answers that were taught, from pictures (B, 3, S, S) and the words of questions (B, T)."""

    def __init__(self, words: int, answers: int, width: int = 256, blind: bool = False) -> None:
        super().__init__()
        self.cnn = None if blind else Cnn(width)
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.3), nn.Linear(width, answers))

    def forward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Questions are filled up with 0 at their end; the state after the last word counts."""
        states = self.lstm(self.words(ids))[0]
        last = ((ids > 0).sum(1) - 1).clamp(min=0)
        question = torch.tanh(states[torch.arange(len(ids)), last])
        both = question if self.cnn is None else question * torch.tanh(self.cnn(pixels))
        made: Tensor = self.out(both)
        return made
