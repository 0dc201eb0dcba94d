"""The fronts: the command line, the Streamlit app and the Gradio app, and what they share."""
