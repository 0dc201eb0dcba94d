"""Ray: the same pipeline and methods over many machines. Optional; installed by ``make scale``."""
