"""What a person touches: the command line, the Streamlit entrypoint, session state and shared widgets."""
