"""KV caches of Voronoi cells: built once, stored on disk, verified before use."""
