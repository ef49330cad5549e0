"""Picture files and arrays: a file to pixels and back, its colours, and other forms of it."""
