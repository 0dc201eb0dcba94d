"""The comparison as a hosted demo, a typed API and an MCP server: ``python -m app gradio [--mcp]``.

``service`` asks the methods and knows no Gradio; ``tools`` are the typed functions, ``mcp_server`` their other front;
``page`` draws; ``serve`` launches.
"""
