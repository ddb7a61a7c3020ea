"""The archive as a service: HTTP API, map page, tools for assistants, and a client. Importing it loads no web framework."""
