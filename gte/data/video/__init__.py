"""Video files and image sequences: reading, seeking and writing."""
