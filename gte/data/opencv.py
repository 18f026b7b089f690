"""OpenCV: a missing system library raises a clear error, and damaged images print nothing."""

import os

# OpenCV writes about damaged images to standard error; errors that matter are raised as exceptions. It reads this once.
# A person who wants to see the messages sets it before starting.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

try:
    import cv2
except ImportError as error:
    if ".so" not in str(error):
        raise
    raise ImportError(
        f"OpenCV needs a system library that is missing here ({error}). "
        "Install it; on Debian and Ubuntu: apt-get install libgl1 libglib2.0-0"
    ) from error

__all__ = ["cv2"]
