"""Methods by file name: each tells how much every pixel changed, and learns what it has to from a sample of the pair.

A method is a module with `Options`, a frozen set of numbers; `halo(how)`, the pixels around a block that it looks at;
`fit(pair, how)`, which gives arrays by name; and `score(block, known, how)`, which gives one number (h, w) for each pixel of the
block's window: the greater, the more it changed. An array "threshold" is where the method itself sees change begin.

`CROSSES` says that it may compare radar with optical scenes, `RADAR_ONLY` that it is for radar, `POWER` to which power Otsu's
threshold takes the scores; `ready(how, model, query)` completes the options of a method that looks through a model.
"""
