"""MotionPairs: rendered clips of fourteen motions, each the exact time reversal of another."""
