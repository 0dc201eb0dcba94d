"""The comparison as a hosted demo, a typed API and an MCP server: ``python -m app gradio [--mcp]``.

``desk`` asks the arms and knows no Gradio; ``tools`` are the typed functions; ``page`` draws; ``serve`` launches.
"""
