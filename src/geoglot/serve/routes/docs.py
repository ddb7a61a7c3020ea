"""The documentation of the API as one page that loads nothing from anywhere, made from the OpenAPI description."""

from __future__ import annotations

import html
import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
h2{margin-top:2.5rem}details{border:1px solid #8886;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.4 ui-monospace,monospace}
pre{overflow-x:auto;background:#8882;padding:.6rem;border-radius:4px}
b{display:inline-block;min-width:4.2rem;font:bold 13px ui-monospace,monospace}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
"""


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """All paths by kind, each with its parameters, its body and a call of it."""
    spec = request.app.openapi()
    groups: dict[str, list[str]] = {}
    for path, methods in spec["paths"].items():
        for method, about in methods.items():
            groups.setdefault(about.get("tags", ["other"])[0], []).append(_operation(spec, method, path, about))
    body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(parts)}" for tag, parts in groups.items())
    title = html.escape(spec["info"]["title"])
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="/docs/style.css"></head>'
        f"<body><h1>{title}</h1><p>{html.escape(spec['info']['description'])}</p>"
        '<p>The same for programs: <a href="/openapi.json">openapi.json</a>. Where keys are needed, send one as the header '
        f"<code>X-API-Key</code>.</p>{body}</body></html>"
    )


@router.get("/docs/style.css")
def style() -> Response:
    """How it looks."""
    return Response(_STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


def _operation(spec: dict[str, Any], method: str, path: str, about: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(part['name'])}</code></td><td>{part['in']}</td><td>{html.escape(_kind(part['schema']))}</td>"
        f"<td>{html.escape(str(part.get('description', '')))}</td></tr>"
        for part in about.get("parameters", [])
    )
    table = f"<table><tr><th>parameter</th><th>in</th><th>kind</th><th></th></tr>{rows}</table>" if rows else ""
    body, call = "", f"curl{'' if method == 'get' else f' -X {method.upper()}'}"
    for media, content in about.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(spec, content["schema"], 3)
        text = html.escape(json.dumps(schema, indent=1, ensure_ascii=False))
        body += f"<p>Body, <code>{html.escape(media)}</code>:</p><pre>{text}</pre>"
        call += " -F file=@scene.tif" if "form" in media else " -H 'Content-Type: application/json' -d '{…}'"
    where, told = html.escape(path), html.escape(about.get("summary", ""))
    return (
        f"<details><summary><b>{method.upper()}</b><code>{where}</code> {told}</summary>"
        f"<p>{html.escape(about.get('description', ''))}</p>{table}{body}<pre>{html.escape(call)} '{where}'</pre></details>"
    )


def _kind(schema: dict[str, Any]) -> str:
    options = [part.get("type", "") for part in schema.get("anyOf", [])]
    kind = str(schema.get("type") or next((option for option in options if option != "null"), ""))
    limits = [
        f"{name} {schema[key]}" for key, name in (("minimum", "from"), ("maximum", "to"), ("default", "else")) if key in schema
    ]
    return ", ".join([kind, *limits])


def _resolved(spec: dict[str, Any], schema: Any, depth: int) -> Any:
    """A schema with what it refers to put in its place."""
    if isinstance(schema, list):
        return [_resolved(spec, part, depth) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and depth:
        return _resolved(spec, spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], depth - 1)
    return {key: _resolved(spec, value, depth) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
