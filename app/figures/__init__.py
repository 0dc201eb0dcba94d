"""Plotly figures built from plain data; no page draws by itself."""
