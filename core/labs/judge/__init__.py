"""A language model as a judge of kept answers: Ragas' faithfulness and answer relevancy, through any endpoint.

Ragas needs older libraries than Tessera runs on. So it lives in an environment of its own (``make ragas``), and a
process there (``ragas_worker.py``) scores what ``judging.py`` sends it.
"""
