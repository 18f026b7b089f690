"""Video networks that mix information over time by shifting channels: models, data, training."""
