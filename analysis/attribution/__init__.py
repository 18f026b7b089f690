"""Evidence for a class in the frames of a clip: attribution methods, maps, export, sanity checks."""
