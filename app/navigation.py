"""The pages, in the order of a reader's questions: adding one is a file here and an entry in this table."""

from app.layout import PageSpec
from app.pages import library, start
from app.pages.architectures import page as architectures
from app.pages.evidence import page as evidence
from app.pages.kernels import page as kernels
from app.pages.what_if import page as what_if

PAGES: dict[str, PageSpec] = {
    "start": PageSpec(
        key="start",
        title="Start",
        heading="What is a learnable shift?",
        url_path="start",
        question="Each output of the layer weighs three frames: the previous one, its own and the next. Training "
        "learns the three weights; here they are yours.",
        render=start.render,
    ),
    "kernels": PageSpec(
        key="kernels",
        title="Shift kernels",
        url_path="kernels",
        question="What did training do to it?",
        render=kernels.render,
    ),
    "evidence": PageSpec(
        key="evidence",
        title="Evidence",
        url_path="evidence",
        question="Which pixels and frames count?",
        render=evidence.render,
    ),
    "whatif": PageSpec(
        key="whatif",
        title="What if",
        url_path="whatif",
        question="Does order matter, do the kernels?",
        render=what_if.render,
    ),
    "architectures": PageSpec(
        key="architectures",
        title="Architectures",
        url_path="architectures",
        question="What does time cost?",
        render=architectures.render,
    ),
    "library": PageSpec(
        key="library", title="Library", url_path="library", question="What do I have?", render=library.render
    ),
}
