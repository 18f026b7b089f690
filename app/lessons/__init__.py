"""Lessons: texts and questions about real pages, step by step; each lesson is one TOML file in this folder."""
