"""Long work that can be asked for as a job, one file a verb, found by its name.

A verb has a docstring (its first line is shown), `TITLE`, `Parameters` (a pydantic model, shown as a form),
`title(asked, service)` for one job in words, `check(asked, service)`, which refuses nonsense before the job is taken, and
`run(asked, context)`, which calls `context.progress` or anything that counts with `core.progress`, and writes files where
`context.result` says.
What it leaves in `context.work` it finds again when the job is resumed. `dropped(parameters, service)` may clean up.
"""
